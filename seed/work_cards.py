"""What the company is asked to do: orders and fault reports as people word them, in both languages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OrderCard:
    """An order as the office would write it: for which kinds of machine, with which skills and parts."""

    title: str
    machines: tuple[str, ...]
    skills: dict[str, int]
    minutes: int
    symptom: str | None = None
    kind: str = "corrective"
    description: str = ""
    parts: dict[str, int] = field(default_factory=dict)


_DIGS = ("excavator",)
_WHEELS = ("wheel_loader", "dump_truck", "forklift", "reach_stacker", "bulldozer")
_LIFTS = ("crane", "reach_stacker")
_DIESEL = (
    "excavator",
    "wheel_loader",
    "dump_truck",
    "bulldozer",
    "generator",
    "compressor",
    "forklift",
    "reach_stacker",
)
_PLANT = ("crusher", "mixing_plant", "concrete_pump")

ORDERS = [
    OrderCard(
        "R/H bucket cylinder leaking",
        _DIGS,
        {"hydraulics": 4},
        180,
        "leak",
        parts={"SEAL-CYL-BKT": 1, "OIL-HV46-20": 1},
        description="Oil on the rod after every shift; the level falls by a hand's width a day.",
    ),
    OrderCard(
        "斗杆液压软管爆裂",
        _DIGS,
        {"hydraulics": 3},
        90,
        "leak",
        parts={"HOSE-20-1500": 1},
        description="停机等待，已放置接油盘。",
    ),
    OrderCard(
        "Grease line to stick pin broken",
        _DIGS,
        {"hydraulics": 2},
        60,
        "leak",
        parts={"GRS-LINE-06": 2, "GRS-NIP-10": 2},
    ),
    OrderCard(
        "自动润滑系统不工作", _DIGS, {"electrical": 3}, 75, "electrical", parts={"GRS-TIMER": 1}
    ),
    OrderCard(
        "Replace two bucket teeth",
        ("excavator", "wheel_loader"),
        {"structural": 2},
        60,
        "structural",
        parts={"GET-TOOTH-C": 2, "GET-PIN": 2},
    ),
    OrderCard(
        "动臂根部裂纹，需焊接",
        _DIGS,
        {"structural": 4},
        240,
        "structural",
        description="磁粉探伤显示裂纹约120毫米。",
    ),
    OrderCard(
        "Cab air conditioning blows warm",
        ("excavator", "crane", "reach_stacker"),
        {"hvac": 3},
        90,
        "air_conditioning",
        parts={"AC-R134A": 2, "AC-DRIER": 1},
    ),
    OrderCard(
        "空调压缩机皮带断裂",
        ("excavator", "wheel_loader"),
        {"hvac": 2},
        60,
        "air_conditioning",
        parts={"AC-BELT": 1},
    ),
    OrderCard(
        "Engine cranks slowly, does not start",
        _DIESEL,
        {"electrical": 3},
        90,
        "wont_start",
        parts={"ELE-SOLEN": 1, "ELE-CABLE-70": 1},
    ),
    OrderCard(
        "发动机水温过高",
        _DIESEL,
        {"engine": 3},
        120,
        "overheating",
        parts={"ENG-THERM": 1, "COOLANT-20": 1},
    ),
    OrderCard(
        "Low power and black smoke", _DIESEL, {"engine": 4}, 150, "no_power", parts={"FLT-FUEL": 2}
    ),
    OrderCard(
        "250小时保养",
        _DIESEL,
        {"engine": 2},
        120,
        kind="preventive",
        parts={"FLT-OIL": 1, "FLT-FUEL": 1, "FLT-WATER": 1},
    ),
    OrderCard(
        "500 h service",
        _DIESEL,
        {"engine": 3},
        180,
        kind="preventive",
        parts={"FLT-OIL": 2, "FLT-FUEL": 2, "FLT-HYD-RET": 1},
    ),
    OrderCard("制动距离变长", _WHEELS, {"hydraulics": 3}, 120, "brakes"),
    OrderCard(
        "Spreader does not lock",
        ("reach_stacker",),
        {"hydraulics": 3, "electrical": 2},
        90,
        "hydraulic_slow",
        parts={"INS-SENS-P": 1},
    ),
    OrderCard(
        "起重机起升限位失灵", ("crane",), {"crane": 4}, 120, "safety", parts={"CRN-LIMIT": 1}
    ),
    OrderCard("Annual crane inspection", ("crane",), {"crane": 5}, 180, kind="inspection"),
    OrderCard(
        "回转制动释放不开",
        ("crane",),
        {"crane": 3, "electrical": 3},
        150,
        "brakes",
        parts={"BRK-SOLEN": 1},
    ),
    OrderCard(
        "Crusher feeder motor trips",
        ("crusher",),
        {"electrical": 4},
        120,
        "electrical",
        parts={"ELE-CONTACT": 1},
    ),
    OrderCard("颚板更换", ("crusher",), {"structural": 2}, 200, kind="preventive"),
    OrderCard("Mixer gearbox noisy", _PLANT, {"engine": 2}, 120, "noise"),
    OrderCard(
        "泵车臂架动作缓慢",
        ("concrete_pump",),
        {"hydraulics": 4},
        150,
        "hydraulic_slow",
        parts={"FLT-HYD-PIL": 1, "VALVE-RELIEF": 1},
    ),
    OrderCard(
        "Generator does not take over on mains failure",
        ("generator",),
        {"electrical": 4},
        120,
        "electrical",
    ),
    OrderCard("空压机漏油", ("compressor",), {"engine": 2}, 75, "leak", parts={"SEAL-ORING": 1}),
    OrderCard(
        "Install reversing cameras",
        ("wheel_loader", "dump_truck"),
        {"electrical": 3},
        150,
        kind="installation",
    ),
    OrderCard("履带张紧油缸失压", ("excavator", "bulldozer"), {"hydraulics": 3}, 150, "leak"),
    OrderCard(
        "Work lights out on the boom",
        ("excavator", "crane"),
        {"electrical": 2},
        60,
        "electrical",
        parts={"ELE-LAMP-LED": 2},
    ),
    OrderCard(
        "叉架油缸内泄",
        ("forklift",),
        {"hydraulics": 3},
        120,
        "hydraulic_slow",
        parts={"SEAL-ORING": 1},
    ),
]


# Who knows already what to do today: the orders by their titles. Chen has begun.
DISPATCHED = {
    "wang": ["R/H bucket cylinder leaking", "Grease line to stick pin broken", "发动机水温过高"],
    "li": [
        "Engine cranks slowly, does not start",
        "Cab air conditioning blows warm",
        "Work lights out on the boom",
    ],
    "chen": ["起重机起升限位失灵"],
}


@dataclass(frozen=True, slots=True)
class ReportCard:
    """A fault as somebody at the machine reports it."""

    machine: str
    symptom: str
    text: str
    name: str | None
    language: str
    hours_ago: float


WAITING_REPORTS = [
    ReportCard("excavator", "leak", "斗杆左侧油管接头一直滴油，地上一大滩。", "老徐", "zh-CN", 1.2),
    ReportCard("crane", "safety", "Overload alarm sounds with an empty hook.", "Ivan", "en", 2.5),
    ReportCard("wheel_loader", "brakes", "刹车踩到底才有反应，不敢开了。", "小李", "zh-CN", 0.7),
    ReportCard("forklift", "wont_start", "打火没反应，电瓶灯不亮。", None, "zh-CN", 3.1),
    ReportCard(
        "reach_stacker",
        "overheating",
        "Temperature in the red after two containers.",
        "Grace",
        "en",
        4.8,
    ),
    ReportCard("crusher", "noise", "破碎腔里有金属撞击声。", "班长 周", "zh-CN", 6.0),
    ReportCard(
        "generator",
        "electrical",
        "Display dark, set runs but gives no voltage.",
        "Night watch",
        "en",
        9.5,
    ),
    ReportCard(
        "mixing_plant", "electrical", "配料称显示跳动，停机重启没用。", "孙工", "zh-CN", 5.2
    ),
    ReportCard(
        "excavator", "air_conditioning", "驾驶室空调不制冷，还有异味。", "老何", "zh-CN", 14.0
    ),
    ReportCard(
        "dump_truck",
        "no_power",
        "Loaded it climbs the ramp in first gear only.",
        "Deng",
        "en",
        11.0,
    ),
    ReportCard("bulldozer", "structural", "左侧推杆销轴松动，间隙很大。", None, "zh-CN", 16.5),
    ReportCard("concrete_pump", "hydraulic_slow", "第四节臂收不回来，很慢。", "朱琴", "zh-CN", 0.4),
]
# These have become orders already; they are among the open ones.
ACCEPTED_REPORTS = [
    ReportCard("crane", "leak", "Oil under the slewing ring.", "Marco", "en", 20.0),
    ReportCard("excavator", "noise", "行走时右侧马达异响。", "唐敏", "zh-CN", 22.0),
    ReportCard("wheel_loader", "electrical", "Warning light stays on, code 412.", None, "en", 26.0),
]


@dataclass(frozen=True, slots=True)
class DoneCard:
    """An order of yesterday, with what the technician found and did."""

    title: str
    machine: str
    technician: str
    starts: str
    minutes: int
    symptom: str
    findings: str
    mode: str
    cause: str
    remedy: str
    parts: dict[str, int]
    signed: bool = False
    rating: int | None = None
    closed: bool = True
    outcome: str = "completed"
    reason: str | None = None
    # How long the customer had waited when the work began.
    waited_h: int = 16


DONE = [
    DoneCard(
        "铲斗油缸渗油",
        "excavator",
        "wang",
        "08:40",
        150,
        "leak",
        "活塞杆密封老化，更换密封包后试机一小时无渗漏。",
        "leak",
        "wear",
        "replaced",
        {"SEAL-CYL-BKT": 1, "OIL-HV46-20": 1},
        True,
        5,
    ),
    DoneCard(
        "润滑泵不供脂",
        "excavator",
        "wang",
        "13:30",
        75,
        "other",
        "分配器到斗杆的油管断裂，更换两米。",
        "missing_loose",
        "fatigue",
        "replaced",
        {"GRS-LINE-06": 2},
        True,
        4,
        closed=False,
    ),
    DoneCard(
        "Work lights flicker",
        "crane",
        "li",
        "09:10",
        60,
        "electrical",
        "Ground strap corroded; cleaned, relay replaced.",
        "warning",
        "contamination",
        "repaired",
        {"ELE-RELAY-24": 1},
        True,
        5,
    ),
    DoneCard(
        "Cab heater without effect",
        "reach_stacker",
        "li",
        "11:20",
        90,
        "air_conditioning",
        "Blower motor seized; replaced.",
        "seized",
        "age",
        "replaced",
        {"AC-BLOWER": 1},
        False,
        None,
    ),
    DoneCard(
        "起升限位误报",
        "crane",
        "chen",
        "09:00",
        80,
        "safety",
        "限位开关进水，更换并做密封。",
        "contaminated",
        "contamination",
        "replaced",
        {"CRN-LIMIT": 1},
        True,
        5,
    ),
    DoneCard(
        "Radiator hose burst",
        "wheel_loader",
        "novak",
        "10:00",
        70,
        "overheating",
        "Upper hose split along the clamp; hose and coolant renewed.",
        "leak",
        "age",
        "replaced",
        {"MNT-CLAMP": 1},
        True,
        3,
    ),
    DoneCard(
        "控制柜接触器烧损",
        "mixing_plant",
        "zhou",
        "14:00",
        100,
        "electrical",
        "接触器触点烧损，更换后空载、带载各试半小时。",
        "burning",
        "supply",
        "replaced",
        {"ELE-CONTACT": 1},
        True,
        4,
        waited_h=96,
    ),
    DoneCard(
        "Swing brake drags",
        "excavator",
        "zhang",
        "13:00",
        120,
        "hydraulic_slow",
        "Brake release pressure too low; valve cartridge has to come from the warehouse.",
        "other",
        "wear",
        "provisional",
        {},
        False,
        None,
        closed=False,
        outcome="partially_completed",
        reason="A part is missing.",
    ),
]
