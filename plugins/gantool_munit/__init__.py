"""MUNIT and UNIT, which their authors published together: `munit` and `unit` hold the models, the files here what both
share. Nothing is imported here, so that presets are found without torch.
"""
