"""Shapes of figures."""

from core.shapes import Shape, anything, date_, number


class FigureDays(Shape):
    """Which days, both included."""

    since = date_()
    until = date_()


class FiguresView(Shape):
    """The manager's figures, each with its count and its definition."""

    since = date_()
    until = date_()
    open_orders = number()
    done_today = number()
    promises = anything()
    first_time_fix = anything()
    mtbf = anything()
    stock_outs = anything()
    csat = anything()
    load = anything()
    times = anything()
