"""Pure rules: functions over values and a passed-in `now`. Nothing here does I/O."""
