"""Plotly figures of a comparison and a run: pure functions, one look, each figure with its words in `alt_text`."""

from embedlab.figures.change import change_histogram, change_ranking, most_changed
from embedlab.figures.layers import layer_strip
from embedlab.figures.maps import ColourBy, linked_maps, senses_of, uses_within_noise
from embedlab.figures.moves import rank_moves
from embedlab.figures.overlay import curves_overlaid
from embedlab.figures.runs import run_curves
from embedlab.figures.scrub import frames_line
from embedlab.figures.shootout import shootout
from embedlab.figures.style import Theme, alt_text, escape, palette, sense_colour, sense_mark, template
from embedlab.figures.timeline import timeline, timeline_rows

__all__ = [
    "ColourBy",
    "Theme",
    "alt_text",
    "change_histogram",
    "change_ranking",
    "curves_overlaid",
    "escape",
    "frames_line",
    "layer_strip",
    "linked_maps",
    "most_changed",
    "palette",
    "rank_moves",
    "run_curves",
    "sense_colour",
    "sense_mark",
    "senses_of",
    "shootout",
    "template",
    "timeline",
    "timeline_rows",
    "uses_within_noise",
]
