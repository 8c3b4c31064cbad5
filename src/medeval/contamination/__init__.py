"""Do the test items stand in a training text?"""
