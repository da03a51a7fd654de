from mailer.edition.conditions import ConditionChain, combinations, variant_key
from mailer.edition.merge_fields import ADDRESS, ReaderValues

CHAINS = (
    ConditionChain(('reader.city == "Faro"', "reader.city", None)),
    ConditionChain(('reader.plan == "gold"',), (0, 0)),
    ConditionChain(("reader.name",)),
    ConditionChain((ADDRESS, None)),
)


def test_a_key_lists_the_branches_taken():
    def key(address="", **fields):
        return variant_key(CHAINS, ReaderValues(fields=fields, address=address, token=""))

    assert key() == (2, -2, -1, 1)
    assert key(city="Faro") == (0, -1, -1, 1)
    assert key(city="Faro", plan="gold", name="x", address="a@b") == (0, 0, 0, 0)
    assert key(city="Porto", plan="gold") == (1, -2, -1, 1)


def test_combinations_count_nested_choices_only_within_their_branch():
    assert combinations(CHAINS) == (2 + 1 + 1) * 2
    assert combinations(()) == 1
    assert combinations(CHAINS[-1:]) == 1
