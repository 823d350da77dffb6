"""The words people pick from, and what the company promises."""

from assets import actions as assets
from assets.models import CodeLevel
from core.unit import Unit
from work import promises

# level -> code, English, Chinese; in the order in which people need them.
CODES: dict[CodeLevel, list[tuple[str, str, str]]] = {
    CodeLevel.SYMPTOM: [
        ("leak", "Leak of oil, coolant or fuel", "漏油、漏水"),
        ("wont_start", "Does not start", "无法启动"),
        ("hydraulic_slow", "Hydraulics slow or weak", "液压动作慢、无力"),
        ("overheating", "Overheating", "温度过高"),
        ("noise", "Unusual noise or vibration", "异响、振动"),
        ("no_power", "Low engine power, black smoke", "发动机无力、冒黑烟"),
        ("electrical", "Electrical fault or warning light", "电气故障、报警灯"),
        ("air_conditioning", "Air conditioning or cab", "空调、驾驶室"),
        ("structural", "Crack, break or loose part", "裂纹、断裂、松动"),
        ("brakes", "Brakes or steering", "制动、转向"),
        ("safety", "Safety device", "安全装置"),
        ("other", "Something else", "其他"),
    ],
    CodeLevel.MODE: [
        ("leak", "Leak", "泄漏"),
        ("structural", "Crack or break", "开裂、断裂"),
        ("missing_loose", "Missing or loose", "缺失、松动"),
        ("overheated", "Overheated", "过热"),
        ("fail_to_start", "Fails to start", "无法启动"),
        ("fail_to_stop", "Fails to stop", "无法停止"),
        ("fluid_level", "Wrong fluid level", "液位异常"),
        ("burning", "Smoke or burning", "冒烟、烧损"),
        ("seized", "Seized", "卡死"),
        ("contaminated", "Contaminated", "污染"),
        ("warning", "Warning or wrong reading", "报警、读数异常"),
        ("other", "Other", "其他"),
    ],
    CodeLevel.CAUSE: [
        ("wear", "Wear", "磨损"),
        ("fatigue", "Fatigue", "疲劳"),
        ("lubrication", "Lack of lubrication", "润滑不良"),
        ("contamination", "Dirt or water", "污物、进水"),
        ("accident", "Accident or blow", "事故、碰撞"),
        ("operation", "Operation", "操作不当"),
        ("installation", "Installation", "安装不当"),
        ("supply", "Power supply or wiring", "供电、线路"),
        ("material", "Material or manufacture", "材料、制造缺陷"),
        ("age", "Age or operating hours", "老化、到期"),
        ("unknown", "Not known", "原因不明"),
    ],
    CodeLevel.REMEDY: [
        ("replaced", "Replaced", "更换"),
        ("repaired", "Repaired", "修理"),
        ("serviced", "Serviced, topped up or tightened", "保养、加注、紧固"),
        ("adjusted", "Adjusted", "调整"),
        ("cleaned", "Cleaned", "清洁"),
        ("welded", "Welded", "焊接"),
        ("modified", "Modified", "改装"),
        ("reset", "Reset or reprogrammed", "复位、重新编程"),
        ("inspected", "Inspected, no fault found", "检查，未发现故障"),
        ("provisional", "Provisional repair", "临时处理"),
    ],
}

TIMEZONE = "Asia/Shanghai"
_WORKDAY = ["08:00-12:00", "13:00-17:00"]
_WEEK = {str(day): _WORKDAY for day in range(5)}
_HOUR = 60
_WORKING_DAY = 8 * _HOUR


def add_codes(unit: Unit) -> None:
    """Add the lists of symptoms, modes, causes and remedies."""
    for level, words in CODES.items():
        for rank, (code, english, chinese) in enumerate(words, start=1):
            assets.add_failure_code(
                unit, level=level, code=code, label={"en": english, "zh-CN": chinese}, rank=rank
            )


def make_promises(unit: Unit) -> None:
    """State how soon orders are done: the urgent around the clock, the others in working hours."""
    promises.make_promise(
        unit, priority=1, minutes=4 * _HOUR, warn_minutes=3 * _HOUR, timezone=TIMEZONE, week={}
    )
    for priority, days in ((2, 1), (3, 3), (4, 10)):
        minutes = days * _WORKING_DAY
        promises.make_promise(
            unit,
            priority=priority,
            minutes=minutes,
            warn_minutes=minutes * 3 // 4,
            timezone=TIMEZONE,
            week=_WEEK,
            country="CN",
        )
