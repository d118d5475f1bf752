"""Colours of charts: Okabe & Ito's set, told apart with any kind of colour vision (jfly.uni-koeln.de/color, 2008).

The same thing has the same colour everywhere: give a series a name from SERIES, a stage its own from STAGES.
"""

BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
YELLOW, SKY, AMBER, GREY = "#f0e442", "#56b4e9", "#e69f00", "#6b7280"
VIOLET = "#5e3c99"  # for the eighth stage: Okabe and Ito's black would vanish in the dark

SERIES = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY, YELLOW, GREY)

STAGES = {
    "prospect": SKY,
    "onboarding": YELLOW,
    "conversion": GREEN,
    "loyalty": BLUE,
    "retention": VIOLET,
    "at_risk": AMBER,
    "lost": GREY,
    "won_back": PINK,
}
