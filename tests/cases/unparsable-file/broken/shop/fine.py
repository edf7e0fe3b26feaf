match command:
    case [x, *rest] if x: pass
try: pass
except* ValueError: pass
