"""Looking after pictures before a training: `gantool data check`, `pair` and `split`."""
