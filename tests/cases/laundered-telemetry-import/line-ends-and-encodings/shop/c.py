from shop.a import (
    logging,  # error: OBS103@5
)
