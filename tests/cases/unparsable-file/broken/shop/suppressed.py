# noqa: OBS900
# obs: ignore-file[OBS900] never
x = (  # error: OBS900
