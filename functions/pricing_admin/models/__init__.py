"""Requests and answers of pricing."""

from .changes import (
    BulkUpdate,
    BulkUpdateAnswer,
    ImportAnswer,
    OverrideAnswer,
    OverrideUpdate,
    PricePreview,
    PricePreviewAnswer,
    SheetText,
)
from .config import PricingConfig, PricingConfigUpdate
from .prices import ModelPricingList, PriceHistory

__all__ = [
    "BulkUpdate",
    "BulkUpdateAnswer",
    "ImportAnswer",
    "ModelPricingList",
    "OverrideAnswer",
    "OverrideUpdate",
    "PriceHistory",
    "PricePreview",
    "PricePreviewAnswer",
    "PricingConfig",
    "PricingConfigUpdate",
    "SheetText",
]
