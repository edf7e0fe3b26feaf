SPAN = "span"
