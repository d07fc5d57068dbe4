"""Hosting prices to fall back on where AWS cannot be asked for them.

On-demand prices of real-time inference as AWS published them up to that day, gathered from
documents that quote its price list. A type or a region that is missing here is unknown.
"""

#: Day that the prices are of.
PUBLISHED = "2026-09-04"

_US_EAST_1 = {
    "ml.g4dn.xlarge": 0.7364,
    "ml.g4dn.2xlarge": 0.94,
    "ml.g4dn.4xlarge": 1.505,
    "ml.g4dn.8xlarge": 2.72,
    "ml.g4dn.12xlarge": 4.89,
    "ml.g4dn.16xlarge": 5.44,
    "ml.g5.xlarge": 1.4084,
    "ml.g5.2xlarge": 1.515,
    "ml.g5.4xlarge": 2.03,
    "ml.g5.8xlarge": 3.06,
    "ml.g5.12xlarge": 7.09,
    "ml.g5.16xlarge": 5.12,
    "ml.g5.24xlarge": 10.18,
    "ml.g5.48xlarge": 20.36,
    "ml.g6.2xlarge": 1.222,
    "ml.g6.4xlarge": 1.654,
    "ml.g6.12xlarge": 5.752,
    "ml.g6.16xlarge": 4.246,
    "ml.g6.24xlarge": 8.344,
    "ml.g6.48xlarge": 16.688,
    "ml.g6e.2xlarge": 2.8,
    "ml.g6e.12xlarge": 13.12,
    "ml.inf2.xlarge": 0.99,
    "ml.inf2.8xlarge": 2.36,
    "ml.inf2.24xlarge": 7.79,
    "ml.inf2.48xlarge": 15.58,
    "ml.m5.xlarge": 0.23,
    "ml.m5.4xlarge": 0.922,
    "ml.p4d.24xlarge": 25.251,
    "ml.p5.48xlarge": 63.296,
    "ml.trn1.32xlarge": 28.497,
}

#: Region -> instance type -> US dollars an hour.
USD_PER_HOUR = {"us-east-1": _US_EAST_1}
