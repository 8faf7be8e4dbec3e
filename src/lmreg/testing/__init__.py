"""Checks that every search space and super-net must pass. To check your own with pytest:

    @pytest.mark.parametrize("check", SPACE_CHECKS)
    def test_space(check):
        check(MySpace(), np.random.default_rng(0))

    @pytest.mark.parametrize("check", NETWORK_CHECKS)
    def test_network(check):
        check(MyNetwork(...), MySpace(), InputShape(3, 32, 32), np.random.default_rng(0))

or without it:

    check_space(MySpace())
    check_network(MyNetwork(...), MySpace(), InputShape(3, 32, 32))
"""

from lmreg.testing.fault import Fault
from lmreg.testing.network import NETWORK_CHECKS, check_network
from lmreg.testing.space import SPACE_CHECKS, check_space

__all__ = ["NETWORK_CHECKS", "SPACE_CHECKS", "Fault", "check_network", "check_space"]
