"""`barydef report`: a result as tables, figures and a page.

data.py computes what figures show, figures.py draws it, tables.py and table_formats.py make the
tables, page.py writes the folder; sections.py, heat_maps.py and words.py fill it; make.py puts the
parts in order. Only figures.py needs matplotlib, only gradcam.py PyTorch."""
