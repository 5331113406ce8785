"""Tests of pytest that call functions of their module, fixtures and parameters on the cluster.

Run as:
    -m pytest -qq -p no:cacheprovider --no-header test_prices.py

Prints:
    .....                                                                    [100%]
"""
