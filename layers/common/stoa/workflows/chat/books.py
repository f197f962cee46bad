"""The bookkeeping of one message: its ledger line from reservation to its end."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from stoa.clients.wires.types import Finish, ProviderError
from stoa.core.errors import Unavailable
from stoa.core.ids import new_id
from stoa.database.pool import RuleRefused, Statement
from stoa.domain.chat.answer_report import AnswerReport, Citation
from stoa.domain.chat.tokens import estimate_tokens
from stoa.domain.pricing.markup import NOTHING, PARTS, TokenUsage, charge_for, provider_cost
from stoa.domain.providers.circuit import Circuit, Outcome, outcome_of
from stoa.domain.selection.offers import Decision
from stoa.identity.members import Member
from stoa.store.chat import conversations, ledger
from stoa.store.chat.answer_documents import citation_documents, report_document
from stoa.store.chat.conversations import Exchange
from stoa.store.chat.ledger import Counted, Reservation, Settlement
from stoa.store.personas import persona_usage
from stoa.store.teams import team_ledger
from stoa.workflows.chat.prepare import Prepared
from stoa.workflows.chat.values import ChatMessage, Tools
from stoa.workflows.providers.provider_health import Attempt

# Longer than the chat function may run (300 s, template.yaml), so that a line is never freed under a living function.
RESERVATION_LIFETIME = timedelta(seconds=360)


class LedgerLine:
    """A reserved message. It must end in exactly one of `settle` and `release`; a crash lets it expire instead."""

    def __init__(
        self, tools: Tools, member: Member, message: ChatMessage, prepared: Prepared, conversation_id: UUID
    ) -> None:
        self._tools = tools
        self._member = member
        self._message = message
        self._prepared = prepared
        self.conversation_id = conversation_id
        self.id = new_id()
        self.question_id = new_id()
        self.asked_at = tools.clock()
        self.counted = Counted(0, None)
        self.is_open = False
        self.own_key = False  # the tenant pays its provider itself
        self._began = time.monotonic()
        self._first_token_ms: int | None = None
        self.probes: tuple[Circuit, ...] = ()
        self._outcome: Outcome | None = None

    def reserve(self, decision: Decision) -> None:
        """Count the message against limit, trials and team and write its line. After RuleRefused nothing is counted.

        Where the model's circuit is half-open, this message becomes its probe; another's probe refuses it.
        """
        candidate = self.candidate = decision.chosen
        offer, team = candidate.offer, candidate.paying_team
        reservation = Reservation(
            usage_id=self.id,
            tenant_id=self._member.tenant_id,
            user_id=self._member.user_id,
            model_id=offer.model_id,
            provider_id=offer.provider_id,
            price_row_id=candidate.prices.row_id,
            requested_model_id=decision.requested_model_id,
            rule=decision.rule,
            access=candidate.access,
            local_day=self._prepared.snapshot.local_day,
            daily_limit=offer.daily_limit,
            trial_messages=offer.trial_messages,
            persona_id=self._message.persona_id,
            domain_mode=self._message.domain_mode,
            focus_mode=self._message.focus_mode,
            conversation_id=self.conversation_id,
            estimated_cost=candidate.estimated_cost,
            now=self.asked_at,
            expires_at=self.asked_at + RESERVATION_LIFETIME,
            key=self._message.idempotency_key,
            request_hash=self._message.request_hash,
            team_id=team.team_id if team else None,
            team_period=team.starts_on if team else None,
            team_tokens=candidate.estimated_tokens if team else None,
        )
        health, snapshot = self._tools.health, self._prepared.snapshot
        self.probes = snapshot.probes(offer, self._prepared.now)
        claim = health.claim_statements(self.probes, self.asked_at)
        taken = team_ledger.take_statements(reservation, team)
        with self._tools.database.autocommit(self._member.scope) as connection:
            answers = connection.run_all([ledger.reserve_statement(reservation), *claim, *taken])
        self.counted = ledger.counted(answers[0])
        self.is_open = True

    def first_token(self) -> None:
        """Note when the answer began."""
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()

    def provider_failed(self, error: ProviderError) -> None:
        """Note the failure for the circuits, unless it was with a tenant's own key: that tells of that key alone, as
        its answers do."""
        self._outcome = None if self.own_key else outcome_of(error.kind)

    def release(self, error_code: str) -> None:
        """Give message and trial back: nothing was answered, nothing is charged."""
        self.is_open = False
        ending = ledger.release_statement(
            self._member.tenant_id,
            self.id,
            error_code=error_code,
            latency_ms=self._elapsed_ms(),
            now=self._tools.clock(),
        )
        self._end([ending])

    def usage(self, input_estimate: int, answer: str, finish: Finish | None) -> TokenUsage:
        """Returns the provider's own count, or our estimate where it sent none (flagged on the line).

        A 0 is none: some servers send it where they do not count, and nothing is answered out of nothing.
        """
        read, said = (finish.input_tokens, finish.output_tokens) if finish is not None else (None, None)
        if finish is None or not read or said is None or (said == 0 and answer):
            return TokenUsage(input_estimate, estimate_tokens(answer), estimated=True)
        return TokenUsage.counted(read, said, {part: getattr(finish, part) for part in PARTS})

    def charge(self, usage: TokenUsage) -> Decimal:
        """Returns what the member pays for `usage`, USD, at the price row the message was reserved under."""
        return charge_for(self.candidate.access, usage, self.candidate.prices)

    def settle(
        self,
        usage: TokenUsage,
        exchange: Exchange,
        *,
        status: str,
        stop_reason: str,
        error_code: str | None = None,
        give_back: bool = False,
    ) -> None:
        """End the line with its charge and save the exchange, in one transaction and one round trip.

        `give_back` returns message and trial, where the provider broke off. Raises RuleRefused when the line has ended.
        """
        self.is_open = False
        settlement = Settlement(
            usage_id=self.id,
            status=status,
            now=exchange.now,
            usage=usage,
            provider_cost=NOTHING if self.own_key else provider_cost(usage, self.candidate.prices),
            own_key=self.own_key,
            charge=self.charge(usage),
            latency_ms=self._elapsed_ms(),
            first_token_ms=self._first_token_ms,
            stop_reason=stop_reason,
            error_code=error_code,
            give_back=give_back,
            team_tokens=usage.input_tokens + usage.output_tokens if self.candidate.paying_team else None,
        )
        tenant_id, user_id = self._member.tenant_id, self._member.user_id
        if status == "completed" and not self.own_key:
            seconds = (self._first_token_ms or self._elapsed_ms()) / 1000
            self._outcome = self._tools.health.patience.verdict(self.candidate.offer, seconds)
        self._end(
            [
                ledger.settle_statement(tenant_id, settlement),
                *conversations.save_statements(tenant_id, user_id, exchange),
                *([] if give_back else self._persona_statements()),
            ],
            last=team_ledger.correct_statements(tenant_id, user_id, self.candidate, settlement),
        )

    def _end(self, statements: list[Statement], last: Sequence[Statement] = ()) -> None:
        try:
            self._write(statements, last, self._outcome)
        except Unavailable:
            # The connection broke, before or after the commit. Who was answered pays, so once more: of a line that has
            # ended nothing is written again.
            with suppress(RuleRefused):
                self._write(statements, last, outcome=None)

    def _write(self, statements: list[Statement], last: Sequence[Statement], outcome: Outcome | None) -> None:
        attempt = Attempt(self.candidate.offer, self.probes, outcome)
        with self._tools.database.autocommit(self._member.scope) as connection:
            self._tools.health.run(connection, statements, attempt, self._tools.clock(), last)

    def _persona_statements(self) -> list[Statement]:
        persona_id = self._message.persona_id
        if persona_id is None:
            return []
        day = self._prepared.snapshot.local_day
        return [persona_usage.count_statement(self._member.tenant_id, self._member.user_id, persona_id, day)]

    def exchange(self, answer: str, told: AnswerReport, citations: Sequence[Citation]) -> Exchange:
        """Returns question and answer as they are saved."""
        return Exchange(
            conversation_id=self.conversation_id,
            title=title_of(self._message.content),
            persona_id=self._message.persona_id,
            question_id=self.question_id,
            question=self._message.content,
            asked_at=self.asked_at,
            answer_id=told.message_id,
            answer=answer,
            model_id=self.candidate.offer.model_id,
            usage_id=self.id,
            metadata=report_document(told),
            citations=citation_documents(citations),
            is_partial=told.is_partial,
            now=self._tools.clock(),
        )

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


def title_of(content: str) -> str:
    """Returns a conversation's title: the first line of its first message, cut at 80 characters."""
    first_line = content.strip().partition("\n")[0].strip() or "New conversation"
    return first_line if len(first_line) <= 80 else first_line[:79].rstrip() + "…"
