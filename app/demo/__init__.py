"""A product that was never made, and the people who use it: what there is to look at before the first event of one's own."""
