"""What lies in the warehouse and in the vans; the kinds of parts are those that the excavators used."""

from collections import Counter
from dataclasses import dataclass

from core.unit import Unit
from parts import actions as parts
from seed.draw import Draw
from seed.excavators import MICRO
from seed.people import TechnicianCard
from seed.work_cards import DISPATCHED, DONE, ORDERS

MAIN, HEAVY, CHEMICALS = "main", "heavy", "chemicals"
PLACES = {
    MAIN: "Main warehouse 主仓库",
    HEAVY: "Heavy rack 重型货架",
    CHEMICALS: "Oil store 油品库",
}


@dataclass(frozen=True, slots=True)
class PartCard:
    """A part: how many of it the warehouse has, and which technicians carry it (by skill, `*` for all)."""

    sku: str
    name: str
    name_zh: str
    cost: float
    on_hand: int
    skill: str = ""
    place: str = MAIN
    unit: str = "pcs"


# One paragraph for each kind of part in the data, the busiest first. What vans carry lies on one
# shelf, because a slip is picked from one.
PARTS: list[PartCard] = [
    # Grease system
    PartCard("GRS-LINE-06", "Grease line 6 mm, 1 m", "润滑油管 6毫米 1米", 38, 60, "*"),
    PartCard("GRS-LINE-08", "Grease line 8 mm, 1 m", "润滑油管 8毫米 1米", 46, 40, "hydraulics"),
    PartCard("GRS-INJ-SL1", "Grease injector", "润滑注油器", 265, 24, "hydraulics"),
    PartCard("GRS-NIP-10", "Grease nipple M10", "黄油嘴 M10", 3.5, 300, "*"),
    PartCard("GRS-PUMP-24", "Grease pump 24 V", "电动润滑泵 24伏", 4850, 4),
    PartCard("GRS-TIMER", "Lubrication timer", "润滑定时器", 680, 6, "electrical"),
    PartCard("GRS-EP2-400", "Grease cartridge EP2, 400 g", "润滑脂 EP2 400克", 28, 180, "*"),
    # Ground engaging tools
    PartCard("GET-TOOTH-R", "Bucket tooth, right", "斗齿（右）", 1850, 16, "structural"),
    PartCard("GET-TOOTH-C", "Bucket tooth, centre", "斗齿（中）", 1780, 30, "structural"),
    PartCard("GET-ADAPT", "Tooth adaptor", "齿座", 3600, 9, "", HEAVY),
    PartCard("GET-PIN", "Tooth pin with lock", "斗齿销与锁扣", 95, 80, "structural"),
    PartCard("GET-SHROUD", "Lip shroud", "斗唇护套", 2400, 8, "", HEAVY),
    PartCard("GET-WEAR-20", "Wear plate 20 mm", "耐磨板 20毫米", 720, 20, "", HEAVY),
    # Air conditioning
    PartCard("AC-COMP-24", "A/C compressor 24 V", "空调压缩机 24伏", 2350, 5),
    PartCard("AC-BELT", "A/C compressor belt", "空调压缩机皮带", 110, 18, "hvac"),
    PartCard("AC-DRIER", "A/C receiver drier", "空调干燥瓶", 185, 14, "hvac"),
    PartCard("AC-COND", "A/C condenser", "空调冷凝器", 1280, 4),
    PartCard("AC-BLOWER", "Cab blower motor", "驾驶室鼓风机", 460, 7, "hvac"),
    PartCard("AC-R134A", "Refrigerant R134a, can 300 g", "制冷剂 R134a 300克", 45, 60, "hvac"),
    PartCard("AC-CABFLT", "Cab air filter", "驾驶室空调滤芯", 120, 30, "hvac"),
    # Mounts and covers
    PartCard("MNT-ENG", "Engine mount, rubber", "发动机减震垫", 640, 10, "engine"),
    PartCard(
        "MNT-BOLT-24",
        "Bolt M24 x 90, 10.9, with nut",
        "螺栓 M24×90 10.9级 配螺母",
        19,
        200,
        "structural",
    ),
    PartCard(
        "MNT-BOLT-16", "Bolt M16 x 60, 10.9, with nut", "螺栓 M16×60 10.9级 配螺母", 7.8, 400, "*"
    ),
    PartCard("MNT-CLAMP", "Hose clamp, stainless, set of 10", "不锈钢喉箍 10只", 32, 90, "*"),
    PartCard("COV-LATCH", "Cover latch", "护罩锁扣", 58, 25),
    # Drivers cabin, ladder, radio, instruments
    PartCard("CAB-SEAT", "Operator seat, air suspended", "气悬浮座椅", 5600, 2, "", HEAVY),
    PartCard("CAB-WIPER", "Wiper blade 700 mm", "雨刮片 700毫米", 54, 30, "electrical"),
    PartCard("CAB-GLASS", "Windscreen, lower", "下前挡风玻璃", 1650, 3, "", HEAVY),
    PartCard("CAB-LADDER", "Access ladder step", "登车梯踏板", 310, 8),
    PartCard("CAB-RADIO", "Two-way radio set", "车载对讲机", 1150, 5),
    PartCard("INS-GAUGE-T", "Temperature gauge", "水温表", 240, 9, "electrical"),
    PartCard(
        "INS-SENS-P", "Pressure sensor 0-400 bar", "压力传感器 0-400巴", 520, 15, "hydraulics"
    ),
    PartCard("INS-SENS-T", "Coolant temperature sensor", "水温传感器", 165, 18, "engine"),
    # Starting system, electrics, lights
    PartCard("ELE-START-24", "Starter motor 24 V 9 kW", "起动机 24伏 9千瓦", 3900, 5),
    PartCard("ELE-SOLEN", "Starter solenoid", "起动电磁开关", 420, 9, "engine"),
    PartCard("ELE-BATT-200", "Battery 12 V 200 Ah", "蓄电池 12伏 200安时", 1380, 14, "", HEAVY),
    PartCard(
        "ELE-CABLE-70", "Battery cable 70 mm², 2 m", "蓄电池电缆 70平方 2米", 190, 16, "electrical"
    ),
    PartCard("ELE-ALT-100", "Alternator 28 V 100 A", "发电机 28伏 100安", 2750, 4),
    PartCard("ELE-FUSE", "Fuse set, blade", "插片保险丝套装", 26, 70, "*"),
    PartCard("ELE-RELAY-24", "Relay 24 V 40 A", "继电器 24伏 40安", 22, 120, "*"),
    PartCard("ELE-CONTACT", "Contactor 24 V", "接触器 24伏", 340, 10, "electrical"),
    PartCard("ELE-HARN", "Wiring harness, engine bay", "发动机舱线束", 1980, 3),
    PartCard("ELE-LAMP-LED", "LED work light 24 V", "LED工作灯 24伏", 260, 36, "electrical"),
    PartCard("ELE-BEACON", "Flashing beacon", "警示灯", 140, 12),
    PartCard("ELE-ALARM", "Travel alarm", "行走报警器", 175, 10, "electrical"),
    # Filters
    PartCard("FLT-OIL", "Engine oil filter", "机油滤芯", 135, 90, "engine"),
    PartCard("FLT-FUEL", "Fuel filter", "燃油滤芯", 128, 90, "engine"),
    PartCard("FLT-WATER", "Fuel water separator", "油水分离器滤芯", 156, 60, "engine"),
    PartCard("FLT-AIR-O", "Air filter, outer", "空气滤芯（外）", 380, 30, "", HEAVY),
    PartCard("FLT-AIR-I", "Air filter, inner", "空气滤芯（内）", 240, 30, "", HEAVY),
    PartCard("FLT-HYD-RET", "Hydraulic return filter", "液压回油滤芯", 420, 40, "hydraulics"),
    PartCard("FLT-HYD-PIL", "Pilot filter", "先导滤芯", 175, 30, "hydraulics"),
    PartCard("FLT-BREATH", "Tank breather", "油箱呼吸器", 95, 30, "hydraulics"),
    # Seals, hoses, pumps, cylinders
    PartCard("SEAL-CYL-BKT", "Seal kit, bucket cylinder", "铲斗油缸密封包", 1450, 8, "hydraulics"),
    PartCard("SEAL-CYL-BOOM", "Seal kit, boom cylinder", "动臂油缸密封包", 1680, 6, "hydraulics"),
    PartCard("SEAL-CYL-STK", "Seal kit, stick cylinder", "斗杆油缸密封包", 1520, 6),
    PartCard("SEAL-ORING", "O-ring assortment", "O形圈套装", 85, 40, "*"),
    PartCard("SEAL-PUMP", "Pump shaft seal", "液压泵轴封", 280, 12, "hydraulics"),
    PartCard("HOSE-08-1000", "Hydraulic hose DN8, 1 m", "液压软管 DN8 1米", 96, 50, "hydraulics"),
    PartCard(
        "HOSE-12-1000", "Hydraulic hose DN12, 1 m", "液压软管 DN12 1米", 138, 50, "hydraulics"
    ),
    PartCard(
        "HOSE-20-1500", "Hydraulic hose DN20, 1.5 m", "液压软管 DN20 1.5米", 295, 24, "hydraulics"
    ),
    PartCard("HOSE-32-2000", "Hydraulic hose DN32, 2 m", "液压软管 DN32 2米", 640, 10, "", HEAVY),
    PartCard("FIT-ELBOW-12", "Elbow fitting DN12", "弯头接头 DN12", 34, 90, "hydraulics"),
    PartCard("FIT-TEST", "Test port M16", "测压接头 M16", 48, 40, "hydraulics"),
    PartCard("VALVE-RELIEF", "Relief valve cartridge", "溢流阀芯", 860, 8, "hydraulics"),
    PartCard("PUMP-SERVO", "Servo pump", "伺服泵", 7400, 2, "", HEAVY),
    PartCard(
        "PUMP-MAIN", "Main hydraulic pump, exchange", "主液压泵（更换件）", 86000, 1, "", HEAVY
    ),
    # Engine, cooling, fuel, exhaust
    PartCard("ENG-BELT", "Fan belt", "风扇皮带", 165, 30, "engine"),
    PartCard("ENG-THERM", "Thermostat", "节温器", 210, 15, "engine"),
    PartCard("ENG-WPUMP", "Water pump", "水泵", 2150, 4),
    PartCard("ENG-INJ", "Fuel injector", "喷油器", 3250, 6),
    PartCard("ENG-TURBO", "Turbocharger, exchange", "涡轮增压器（更换件）", 18600, 1, "", HEAVY),
    PartCard("ENG-RADHOSE", "Radiator hose", "水箱软管", 155, 20, "engine"),
    PartCard("ENG-FANMOT", "Fan drive motor", "风扇马达", 6900, 2, "", HEAVY),
    PartCard("OIL-15W40-20", "Engine oil 15W-40, 20 l", "机油 15W-40 20升", 560, 40, "", CHEMICALS),
    PartCard("OIL-HV46-20", "Hydraulic oil HV46, 20 l", "液压油 HV46 20升", 430, 60, "hydraulics"),
    PartCard("COOLANT-20", "Coolant, 20 l", "防冻液 20升", 240, 40, "engine"),
    # Undercarriage, brakes, safety, crane
    PartCard("TRK-ROLLER", "Track roller", "支重轮", 5200, 4, "", HEAVY),
    PartCard("TRK-TENSION", "Track tension cylinder seal kit", "履带张紧油缸密封包", 980, 5),
    PartCard("BRK-PAD", "Brake pad set", "制动片套装", 890, 10, "crane"),
    PartCard("BRK-SOLEN", "Brake release solenoid", "制动释放电磁阀", 760, 6, "crane"),
    PartCard("FIRE-CYL", "Fire suppression cylinder", "灭火系统瓶组", 3300, 3),
    PartCard("CRN-ROPE-18", "Wire rope 18 mm, 10 m", "钢丝绳 18毫米 10米", 780, 10, "crane"),
    PartCard("CRN-LIMIT", "Limit switch", "限位开关", 290, 20, "crane"),
    PartCard("CRN-SPREAD", "Spreader twist-lock pin", "吊具旋锁销", 1250, 8, "crane"),
]

# What is used most is carried most: cheap things by the handful, dear ones singly.
_CHEAP, _DEAR = 60, 1000
# How often a van sets out with too few of a part.
_SHORT_SHARE = 0.06
VAN_LEVELS = {"cheap": (4, 12), "usual": (2, 5), "dear": (1, 2)}


def code_of(number: int) -> str:
    """Return a bar code in the form of an EAN-13; the prefix is one that no country has."""
    digits = f"2{990_000_000_00 + number:011d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def level_of(part: PartCard) -> tuple[int, int]:
    """Return below how many of a part a van is filled up, and to how many."""
    if part.cost <= _CHEAP:
        return VAN_LEVELS["cheap"]
    return VAN_LEVELS["dear"] if part.cost >= _DEAR else VAN_LEVELS["usual"]


def carried_by(card: TechnicianCard) -> list[PartCard]:
    """Return what a technician's van carries."""
    return [part for part in PARTS if part.skill == "*" or card.skills.get(part.skill, 0) >= 3]


def needed_by(card: TechnicianCard) -> Counter[str]:
    """Return what the technician took out yesterday, and what the visits they know of today ask for."""
    wanted: Counter[str] = Counter()
    for done in DONE:
        if done.technician == card.key:
            wanted.update(done.parts)
    for order in ORDERS:
        if order.title in DISPATCHED.get(card.key, ()):
            wanted.update(order.parts)
    return wanted


def add_catalogue(unit: Unit, draw: Draw) -> None:
    """Add the parts and the shelves, and say what is on them."""
    for key, name in PLACES.items():
        parts.add_place(unit, id=draw.id("place", key), kind="bin", name=name)
    for number, part in enumerate(PARTS, start=1):
        parts.add_part(
            unit,
            id=draw.id("part", part.sku),
            sku=part.sku,
            name=part.name,
            name_zh=part.name_zh,
            unit_name=part.unit,
            codes=[code_of(number)],
            cost_micro=int(part.cost * MICRO),
        )
    unit.session.flush()
    for part in PARTS:
        parts.open_balance(
            unit,
            place_id=draw.id("place", part.place),
            part_id=draw.id("part", part.sku),
            qty=part.on_hand,
        )


def load_van(unit: Unit, draw: Draw, card: TechnicianCard) -> None:
    """Fill a van, and say how much it should carry. Here and there a little is missing, as on any morning."""
    random = draw.stream(f"van/{card.key}")
    van = draw.id("place", card.key)
    wanted = needed_by(card)
    for part in carried_by(card):
        least, most = level_of(part)
        part_id = draw.id("part", part.sku)
        parts.set_van_level(unit, place_id=van, part_id=part_id, min=least, max=most)
        there = least - 1 if random.random() < _SHORT_SHARE else random.randint(least, most)
        if part.sku in wanted:
            there = max(there, least) + wanted[part.sku]
        if there:
            parts.open_balance(unit, place_id=van, part_id=part_id, qty=there)
