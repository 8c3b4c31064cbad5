"""Files from elsewhere, by pinned source: fetched, verified and put in place."""
