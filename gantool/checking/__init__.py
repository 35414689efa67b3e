"""A suite for authors of plugins: does a model keep what gantool promises of every model?"""
