"""From stored responses, ours or anybody's, to scores and the account of every one of them."""
