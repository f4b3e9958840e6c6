"""Dialogs of the deployments screen: a new canary beside the baseline, and the removal of a deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from tui.cockpit.screens.dialog import Dialog
from tui.control_plane.proposal import problems
from tui.model import AccountView, DeploymentSpec

_FIELDS = ("name", "model", "version", "sku", "capacity")


class CreateDeploymentScreen(Dialog):
    """Enter goes from field to field and creates at the last one; what speaks against it needs a second Enter.

    It is created pinned (NoAutoUpgrade), with the baseline's content-filter policy, and without traffic.
    """

    TITLE = "create a canary (Enter: next field, then create; esc leaves)"
    AUTO_FOCUS = "#spec-name"

    def __init__(self, spec: DeploymentSpec, endpoint: str) -> None:
        super().__init__()
        self._spec = spec
        self._endpoint = endpoint
        self._consent: DeploymentSpec | None = None

    def body(self) -> Iterable[Widget]:
        """One field a line, and what would be done."""
        policy = self._spec.rai_policy or "the service's default"
        yield Static(
            Content(f"at {self._endpoint}, weight 0, pinned, content filter {policy}"), classes="muted"
        )
        for name in _FIELDS:
            field = Input(
                str(getattr(self._spec, name)),
                id=f"spec-{name}",
                compact=True,
                max_length=64,
                select_on_focus=False,
            )
            field.cursor_blink = False
            yield Horizontal(Label(Content(name), classes="muted"), field, classes="field")
        yield Static("", id="said", markup=False)

    def on_mount(self) -> None:
        """Say what speaks against what is proposed."""
        self._explain()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        self._consent = None
        self._explain()

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        place = _FIELDS.index((message.input.id or "").removeprefix("spec-"))
        if place + 1 < len(_FIELDS):
            self.query_one(f"#spec-{_FIELDS[place + 1]}", Input).focus()
            return
        try:
            spec = self._typed_spec()
        except ValueError as error:
            self._say(str(error))
            return
        if self._against(spec) and self._consent != spec:
            self._consent = spec
            self._explain()
            return
        self.host.commands.create_deployment(self._endpoint, spec)
        self.dismiss()

    def _typed_spec(self) -> DeploymentSpec:
        """Raises ValueError that says which field is wrong."""
        typed = {name: self.query_one(f"#spec-{name}", Input).value.strip() for name in _FIELDS}
        missing = [name for name, value in typed.items() if not value]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        try:
            capacity = int(typed.pop("capacity"))
        except ValueError:
            raise ValueError("capacity is a whole number, in units of the SKU") from None
        if capacity < 1:
            raise ValueError("capacity is at least 1")
        return replace(self._spec, **typed, capacity=capacity)

    def _account(self) -> AccountView | None:
        accounts = self.host.view.live.accounts
        return next((account for account in accounts if account.endpoint == self._endpoint), None)

    def _against(self, spec: DeploymentSpec) -> tuple[str, ...]:
        account = self._account()
        return () if account is None else problems(spec, account, self.host.view.live.at.date())

    def _explain(self) -> None:
        try:
            spec = self._typed_spec()
        except ValueError as error:
            self._say(str(error))
            return
        lines = [f"▲ {text}" for text in self._against(spec)]
        if lines:
            lines.append("Enter once more creates it all the same" if self._consent == spec else "")
        else:
            lines.append(f"creates {spec.name}: {spec.model} {spec.version}, {spec.sku}, {_units(spec)}")
        self._say("\n".join(line for line in lines if line))

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(text))


def _units(spec: DeploymentSpec) -> str:
    """What a capacity is: thousands of tokens a minute in the Standard SKUs (ARM, ``sku.capacity``)."""
    if "standard" in spec.sku.lower():
        return f"{1000 * spec.capacity:,} tokens/min"
    return f"{spec.capacity:,} units"


class RemoveDeploymentScreen(Dialog):
    """``warning`` says what cannot be taken back."""

    TITLE = "remove a deployment (esc leaves)"
    AUTO_FOCUS = "Input"

    def __init__(self, endpoint: str, name: str, warning: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._name = name
        self._warning = warning

    def body(self) -> Iterable[Widget]:
        """What goes, what cannot be taken back, and the field."""
        yield Static(
            Content(f"{self._name} will be deleted from the account of {self._endpoint}"), markup=False
        )
        if self._warning:
            yield Static(Content(f"▲ {self._warning}"), markup=False, classes="warned")
        yield Static(Content("type its name in full, then Enter"), markup=False, classes="muted")
        field = Input(compact=True, max_length=64)
        field.cursor_blink = False
        yield field
        yield Static("", id="said", markup=False)

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip() != self._name:
            self.query_one("#said", Static).update(Content(f"that is not {self._name}: nothing is removed"))
            return
        self.host.commands.remove_deployment(self._endpoint, self._name)
        self.dismiss()
