"""One module for each model with figures: how its reference's names and numbers meet the plugin (see `..suite`)."""
