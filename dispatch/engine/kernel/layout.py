"""How the compiled search sees a problem and its own state: numbers in arrays, by column.

Nodes are visits, then depots, then the places where routes start and end; a node further on stands
for nowhere, where a day without an end place ends. Times and costs are whole numbers.

All of it but the drives lies in one flat array of 64-bit numbers: compiled functions that share
dozens of arrays take minutes to compile, those that share one take seconds.
"""

FOREVER = 1 << 40
NEVER = 1 << 50

# Columns of a visit (and of a depot, where they mean anything).
OPENS, CLOSES, WORK, SETUP, PLACE, PENALTY, FIRST_WINDOW, LAST_WINDOW = range(8)
DUE, LATE, STEEP, PROMISE_FROM, PROMISE_TO, PROMISE, PLANNED, GROUP = range(8, 16)
FIRST_PRED, LAST_PRED, FIRST_SUCC, LAST_SUCC, PARTNER, LINKED, PINNED, TOOLS = range(16, 24)
FIRST_FRIEND, LAST_FRIEND, SPLIT_KEY = range(24, 27)
VISIT_COLUMNS = 27

# Columns of an engineer.
START, END, FROM, PAID_TO, LATEST, PROFILE, KIND, FIXED = range(8)
SPEED, MOST_VISITS, MOST_TRAVEL, MOST_WORK, FIRST_BREAK, LAST_BREAK, OWN_TOOLS, BEGUN = range(8, 16)
ENGINEER_COLUMNS = 16

# Settings of a problem, at the head of its memory.
TRAVEL, OVERTIME, SPAN, STEEP_AFTER, MOVED_TIME, TOLERANCE, SAME_PERSON, BALANCE = range(8)
IS_RICH, HAS_LINKS, HAS_DEPOTS, HAS_PACES, HAS_SKILL_ENDS, HAS_DIPS, MOST_BREAKS = range(8, 15)
WORK_LOW, WORK_HIGH, VISIT_COUNT, RESOURCES, ENGINEER_COUNT, DEPOTS, GROUPS, NODES = range(15, 23)
PACES, KEY_COUNT, IS_PLAIN, IS_TIMED, KINDS, FASTEST = range(23, 29)
SETTINGS = 29

# Regions of a problem's memory: where each begins and how long its rows are stands in three numbers
# from here on. Names of regions end in an underscore.
QUESTION_REGIONS = (
    "visits", "engineers", "allowed", "extra", "needs", "stock", "supply", "windows", "breaks",
    "paces", "preds", "succs", "friends", "skill_ends", "near", "homes", "keys",
)  # fmt: skip
(
    VISITS_, ENGINEERS_, ALLOWED_, EXTRA_, NEEDS_, STOCK_, SUPPLY_, WINDOWS_, BREAKS_,
    PACES_, PREDS_, SUCCS_, FRIENDS_, SKILL_ENDS_, NEAR_, HOMES_, KEYS_,
) = range(SETTINGS, SETTINGS + 3 * len(QUESTION_REGIONS), 3)  # fmt: skip
QUESTION_HEAD = SETTINGS + 3 * len(QUESTION_REGIONS)

# What is remembered after each stop of a route, for each number of breaks taken by then.
TIME, COST, WAITED, SLACK, DROVE, STARTS, FROM_MARK = range(7)
MARK_COLUMNS = 7
# What is remembered instead where a tour's length counts and nothing is in the way: how long the
# part up to there takes at least and when it may begin at the latest; how long the part from there
# on takes at least and when it would begin for that.
LASTED, LEAVES, AWAITED, REMAINS = range(4)
# What each stop knows where routes are chains: whose it is, its neighbours, when it is left at the
# earliest and must begin at the latest, the drive to it, and its node among the drives. The places
# where a route starts and ends are stops of their own behind the visits.
RIDE, PREVIOUS, NEXT, LEFT, UNTIL, LEG, NODE = range(7)
STOP_COLUMNS = 8
LOG_COLUMNS = 4


# Numbers at the head of a worker's memory.
TOTAL, BEST, ABSENT, TOUCHED, STAMP, SEEDS, POOLED, POOL_USED, STEPS, RANDOM = range(10)
SLOTS, STOPS_ROOM, ANY_ORDER, APART, BARE = range(10, 15)
NUMBERS = 15

STATE_REGIONS = (
    "route", "length", "cost", "work", "load", "done", "last", "marks", "where", "place", "begins",
    "version", "known_version", "known_cost", "known_place", "best_route", "best_length", "dirty",
    "old_route", "old_length", "old_cost", "old_work", "old_load", "old_done", "old_last",
    "old_marks", "old_begins", "old_version", "touched", "absent", "old_absent", "members",
    "scratch", "sim", "seq", "absent_seq", "whole_seq", "bounds", "waiting", "slot_of", "stamps", "order", "seeds",
    "open_routes", "pool_key", "pool_cost", "pool_at", "pool_data", "spent", "depot_at", "early",
    "old_spent", "old_depot_at", "old_early", "trail", "chained",
    "old_chained", "chain", "log", "log_at", "spare", "notes",
    "people", "soonest", "by_then",
)  # fmt: skip
(
    ROUTE_, LENGTH_, COST_, WORK_, LOAD_, DONE_, LAST_, MARKS_, WHERE_, PLACE_, BEGINS_,
    VERSION_, KNOWN_VERSION_, KNOWN_COST_, KNOWN_PLACE_, BEST_ROUTE_, BEST_LENGTH_, DIRTY_,
    OLD_ROUTE_, OLD_LENGTH_, OLD_COST_, OLD_WORK_, OLD_LOAD_, OLD_DONE_, OLD_LAST_,
    OLD_MARKS_, OLD_BEGINS_, OLD_VERSION_, TOUCHED_, ABSENT_, OLD_ABSENT_, MEMBERS_,
    SCRATCH_, SIM_, SEQ_, ABSENT_SEQ_, WHOLE_SEQ_, BOUNDS_, WAITING_, SLOT_OF_, STAMPS_, ORDER_, SEEDS_,
    OPEN_ROUTES_, POOL_KEY_, POOL_COST_, POOL_AT_, POOL_DATA_, SPENT_, DEPOT_AT_, EARLY_,
    OLD_SPENT_, OLD_DEPOT_AT_, OLD_EARLY_, TRAIL_, CHAINED_,
    OLD_CHAINED_, CHAIN_, LOG_, LOG_AT_, SPARE_, NOTES_,
    PEOPLE_, SOONEST_, BY_THEN_,
) = range(NUMBERS, NUMBERS + 3 * len(STATE_REGIONS), 3)  # fmt: skip
STATE_HEAD = NUMBERS + 3 * len(STATE_REGIONS)
