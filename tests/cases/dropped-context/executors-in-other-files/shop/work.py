from shop import obs


def step():
    obs.emit("shop.step")


class Steps:
    def __call__(self):
        step()

    @staticmethod
    def every():
        for _ in range(3):
            step()
