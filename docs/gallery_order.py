"""The order of the gallery: what people ask first comes first; an example not named here comes after those that are."""
ORDER = [
    "plot_one_node_or_two.py",
    "plot_softmax_or_one_vs_rest.py",
    "plot_mismatched_head.py",
    "plot_class_weights_and_calibration.py",
    "plot_thresholds.py",
    "plot_costs.py",
    "plot_promises.py",
    "plot_multilabel_thresholds.py",
    "plot_compare_heads_grid_search.py",
    "plot_text.py",
    "plot_loss_curves.py",
    "plot_streaming_partial_fit.py",
    "plot_many_fits.py",
]


class GalleryOrder:
    """The sort key that sphinx-gallery asks for each file name."""

    def __init__(self, source_folder):
        pass

    def __call__(self, name):
        return ORDER.index(name) if name in ORDER else len(ORDER), name
