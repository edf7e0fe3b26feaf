class Event:
    pass


class Placed(Event):
    pass
