import {{ name }}  # error: OBS900
