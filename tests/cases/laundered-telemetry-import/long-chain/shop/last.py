import shop.m7
import shop.m7 as m

shop.m7.n7.info("x")  # error: OBS103
m.n7.info("once")
