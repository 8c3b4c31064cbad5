"""Audits of judges: agreement with physicians, stability, correction of what they grade, and panels of several."""
