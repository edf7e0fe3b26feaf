def f(:  # error: OBS900
    pass
