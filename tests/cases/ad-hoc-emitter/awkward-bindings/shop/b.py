from shop.a import emit_telemetry
from shop.a import outer as emit_event  # error: OBS105
from shop.obs import emit as emit_log_event

print(emit_telemetry, emit_event, emit_log_event)
