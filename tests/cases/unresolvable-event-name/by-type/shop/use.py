from shop.names import Ev, Other
from shop.obs import emit, fire
from shop.types import Event, Placed


class Job:
    kind: Ev
    other: Other
    placed: Placed | None
    event: Event

    def tell(self, kinds: list[Ev], others: list[Other]):
        emit(self.kind)
        emit(self.other)  # error: OBS201
        fire(self.placed)
        fire(self.event)  # error: OBS202
        for kind in kinds:
            emit(kind)
        for other in others:
            emit(other)  # error: OBS201
