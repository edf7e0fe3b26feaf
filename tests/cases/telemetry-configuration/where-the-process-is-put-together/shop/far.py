from shop.use import Short as Base


class Far(Base):  # error: OBS107
    pass
