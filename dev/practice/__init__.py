"""Practice providers: the four wire formats over real sockets, with faults on demand and no model behind them."""

from dev.practice.running import PracticeProviders, control, practice_environment, provider_url

__all__ = ["PracticeProviders", "control", "practice_environment", "provider_url"]
