"""Customers and their sites: invented companies at real places around the mouth of the Yangtze."""

from dataclasses import dataclass

from assets import actions as assets
from core.unit import Unit
from people import actions as people
from seed.draw import Draw


@dataclass(frozen=True, slots=True)
class SiteCard:
    """A site, and what kind of machines stand there: quarry, port, plant or works."""

    customer: str
    name: str
    kind: str
    lat: float
    lng: float
    address: str
    access: str = ""


# name, language, contact, and the part of the e-mail address after which example.com comes
CUSTOMERS: list[tuple[str, str, str, str]] = [
    ("独山矿业 Dushan Aggregates", "zh-CN", "周建国", "dushan"),
    ("Yangshan Stone & Terminal", "en", "Henrik Lund", "yangshan"),
    ("宝山散货码头 Baoshan Bulk Terminals", "zh-CN", "陆晓东", "baoshan"),
    ("Waigaoqiao Container Repair", "en", "Grace Tan", "waigaoqiao"),
    ("江南船坞工程 Jiangnan Dock Works", "zh-CN", "沈国强", "jiangnan"),
    ("太仓港机 Taicang Port Machinery", "zh-CN", "顾明", "taicang"),
    ("昆山预制构件 Kunshan Precast", "zh-CN", "朱琴", "kunshan"),
    ("Suzhou Ready-Mix", "en", "Paul Fischer", "suzhoumix"),
    ("松江土方 Songjiang Earthworks", "zh-CN", "何俊", "songjiang"),
    ("青浦再生资源 Qingpu Recycling", "zh-CN", "唐敏", "qingpu"),
    ("Jinshan Tank Logistics", "en", "Anita Rao", "jinshan"),
    ("闵行起重 Minhang Heavy Lift", "zh-CN", "金磊", "minhang"),
    ("奉贤水泥 Fengxian Cement", "zh-CN", "施伟", "fengxian"),
    ("嘉定拆除 Jiading Demolition", "zh-CN", "曹斌", "jiading"),
    ("Pudong Tunnel Joint Venture", "en", "Marco Bianchi", "pudong"),
]

_HELMET = "Helmet and vest; report at the gate. 戴安全帽，门卫登记。"
_PERMIT = "Port pass needed; ask for one a day ahead. 需提前一天办理港区通行证。"
_WEIGH = "Enter over the weighbridge; radio channel 7. 从地磅进，对讲机7频道。"

SITES: list[SiteCard] = [
    SiteCard(
        "dushan",
        "独山采石场 Dushan Quarry",
        "quarry",
        30.6280,
        121.1500,
        "浙江省平湖市独山港镇",
        _WEIGH,
    ),
    SiteCard(
        "dushan",
        "乍浦石料码头 Zhapu Stone Quay",
        "port",
        30.5950,
        121.0950,
        "浙江省平湖市乍浦镇",
        _PERMIT,
    ),
    SiteCard(
        "dushan",
        "澉浦采石场 Ganpu Quarry",
        "quarry",
        30.3950,
        120.9050,
        "浙江省海盐县澉浦镇",
        _WEIGH,
    ),
    SiteCard(
        "yangshan",
        "小洋山采石场 Xiaoyangshan Quarry",
        "quarry",
        30.6420,
        122.0500,
        "浙江省嵊泗县洋山镇",
        "Over Donghai bridge; closed in strong wind. 大风封桥。",
    ),
    SiteCard(
        "yangshan",
        "芦潮港堆场 Luchaogang Yard",
        "port",
        30.8680,
        121.8450,
        "上海市浦东新区芦潮港",
        _PERMIT,
    ),
    SiteCard(
        "yangshan",
        "临港物流园 Lingang Logistics Park",
        "works",
        30.9050,
        121.9050,
        "上海市浦东新区临港新城",
    ),
    SiteCard(
        "baoshan",
        "罗泾矿石码头 Luojing Ore Terminal",
        "port",
        31.4770,
        121.3700,
        "上海市宝山区罗泾镇",
        _PERMIT,
    ),
    SiteCard(
        "baoshan",
        "宝山钢渣场 Baoshan Slag Yard",
        "quarry",
        31.4150,
        121.4400,
        "上海市宝山区月浦镇",
        _HELMET,
    ),
    SiteCard(
        "baoshan", "张华浜仓库 Zhanghuabang Sheds", "port", 31.3730, 121.5000, "上海市宝山区张华浜"
    ),
    SiteCard(
        "waigaoqiao",
        "外高桥四期 Waigaoqiao Phase 4",
        "port",
        31.3650,
        121.5850,
        "上海市浦东新区外高桥",
        _PERMIT,
    ),
    SiteCard(
        "waigaoqiao",
        "外高桥五期 Waigaoqiao Phase 5",
        "port",
        31.3520,
        121.6150,
        "上海市浦东新区外高桥",
        _PERMIT,
    ),
    SiteCard(
        "waigaoqiao",
        "高桥修箱厂 Gaoqiao Repair Shop",
        "works",
        31.3480,
        121.5680,
        "上海市浦东新区高桥镇",
    ),
    SiteCard(
        "jiangnan",
        "长兴岛船坞 Changxing Dock",
        "port",
        31.3480,
        121.7400,
        "上海市崇明区长兴岛",
        "Through the Yangtze tunnel; hot-work permit on board. 动火须办证。",
    ),
    SiteCard(
        "jiangnan", "崇明码头 Chongming Quay", "port", 31.6150, 121.4000, "上海市崇明区南门港"
    ),
    SiteCard(
        "taicang",
        "太仓港三期 Taicang Port Phase 3",
        "port",
        31.6450,
        121.2250,
        "江苏省太仓市浮桥镇",
        _PERMIT,
    ),
    SiteCard("taicang", "浮桥堆场 Fuqiao Yard", "works", 31.5620, 121.2980, "江苏省太仓市浮桥镇"),
    SiteCard(
        "taicang",
        "浏河砂石场 Liuhe Gravel Works",
        "quarry",
        31.5050,
        121.2750,
        "江苏省太仓市浏河镇",
        _HELMET,
    ),
    SiteCard(
        "kunshan",
        "千灯构件厂 Qiandeng Plant",
        "plant",
        31.2650,
        121.0050,
        "江苏省昆山市千灯镇",
        _HELMET,
    ),
    SiteCard("kunshan", "花桥工地 Huaqiao Site", "works", 31.2950, 121.1000, "江苏省昆山市花桥镇"),
    SiteCard("kunshan", "陆家厂区 Lujia Plant", "plant", 31.3120, 121.0520, "江苏省昆山市陆家镇"),
    SiteCard(
        "suzhoumix",
        "Suzhou Industrial Park Plant 苏州园区站",
        "plant",
        31.3150,
        120.7550,
        "江苏省苏州市工业园区",
    ),
    SiteCard("suzhoumix", "Wuzhong Plant 吴中站", "plant", 31.2120, 120.6420, "江苏省苏州市吴中区"),
    SiteCard(
        "suzhoumix", "Xiangcheng Plant 相城站", "plant", 31.4020, 120.6500, "江苏省苏州市相城区"
    ),
    SiteCard(
        "songjiang",
        "松江工业区 Songjiang Works",
        "works",
        31.0050,
        121.2650,
        "上海市松江区中山街道",
    ),
    SiteCard(
        "songjiang", "新桥工地 Xinqiao Site", "works", 31.0600, 121.3100, "上海市松江区新桥镇"
    ),
    SiteCard(
        "songjiang",
        "佘山石料场 Sheshan Stone Yard",
        "quarry",
        31.0950,
        121.1950,
        "上海市松江区佘山镇",
        _HELMET,
    ),
    SiteCard(
        "qingpu", "华新分拣场 Huaxin Sorting Yard", "plant", 31.1700, 121.2350, "上海市青浦区华新镇"
    ),
    SiteCard(
        "qingpu", "朱家角堆场 Zhujiajiao Yard", "works", 31.1050, 121.0550, "上海市青浦区朱家角镇"
    ),
    SiteCard(
        "qingpu",
        "徐泾破碎站 Xujing Crushing Station",
        "plant",
        31.1850,
        121.2750,
        "上海市青浦区徐泾镇",
        _HELMET,
    ),
    SiteCard(
        "jinshan",
        "Jinshanwei Tank Farm 金山卫罐区",
        "plant",
        30.7350,
        121.3200,
        "上海市金山区金山卫镇",
        "No phones beyond the yellow line; gas test first. 黄线内禁用手机。",
    ),
    SiteCard(
        "jinshan",
        "Caojing Chemical Park 漕泾化工区",
        "plant",
        30.7850,
        121.4000,
        "上海市金山区漕泾镇",
        "Gas test before work. 作业前测气。",
    ),
    SiteCard("jinshan", "Tinglin Depot 亭林车场", "works", 30.8850, 121.3100, "上海市金山区亭林镇"),
    SiteCard(
        "minhang",
        "江川起重场 Jiangchuan Lifting Yard",
        "works",
        31.0020,
        121.4050,
        "上海市闵行区江川路街道",
    ),
    SiteCard("minhang", "吴泾码头 Wujing Quay", "port", 31.0520, 121.4620, "上海市闵行区吴泾镇"),
    SiteCard(
        "fengxian",
        "西渡水泥厂 Xidu Cement Works",
        "plant",
        30.9680,
        121.4520,
        "上海市奉贤区西渡街道",
        _HELMET,
    ),
    SiteCard(
        "fengxian",
        "南桥搅拌站 Nanqiao Mixing Plant",
        "plant",
        30.9180,
        121.4580,
        "上海市奉贤区南桥镇",
    ),
    SiteCard("fengxian", "柘林堆场 Zhelin Yard", "works", 30.8250, 121.4780, "上海市奉贤区柘林镇"),
    SiteCard(
        "jiading", "安亭拆除工地 Anting Site", "works", 31.2950, 121.1620, "上海市嘉定区安亭镇"
    ),
    SiteCard("jiading", "南翔堆场 Nanxiang Yard", "works", 31.2950, 121.3200, "上海市嘉定区南翔镇"),
    SiteCard(
        "jiading",
        "外冈破碎站 Waigang Crushing Station",
        "quarry",
        31.3700,
        121.1750,
        "上海市嘉定区外冈镇",
        _HELMET,
    ),
    SiteCard(
        "pudong",
        "Zhangjiang Shaft 张江竖井",
        "works",
        31.2020,
        121.6020,
        "上海市浦东新区张江镇",
        "Lift into the shaft every half hour. 竖井升降机每半小时一班。",
    ),
    SiteCard(
        "pudong",
        "Chuansha Portal 川沙洞口",
        "works",
        31.1920,
        121.7020,
        "上海市浦东新区川沙新镇",
        _HELMET,
    ),
    SiteCard(
        "pudong",
        "Sanlin Shaft 三林竖井",
        "works",
        31.1420,
        121.5120,
        "上海市浦东新区三林镇",
        _HELMET,
    ),
    SiteCard(
        "pudong",
        "Zhuqiao Segment Plant 祝桥管片厂",
        "plant",
        31.1080,
        121.7560,
        "上海市浦东新区祝桥镇",
    ),
]


SOUTH, EAST, WEST, NORTH = "South 南区", "East 东区", "West 西区", "North 北区"
TERRITORIES = (SOUTH, EAST, WEST, NORTH)


def territory_at(lat: float, lng: float) -> str:
    """Return the territory that holds this point: the bay, the other bank, the lakes, or the city."""
    if lat < 31.0:
        return SOUTH
    if lng > 121.5:
        return EAST
    return WEST if lng < 121.2 else NORTH


def contact_at(site: str) -> str:
    """Return who speaks for the customer at a site."""
    owner = next(card.customer for card in SITES if card.name == site)
    return next(contact for _, _, contact, key in CUSTOMERS if key == owner)


def phone(number: int) -> str:
    """Return a telephone number that nobody has."""
    return f"+86 21 5555 {number:04d}"


def add_places(unit: Unit, draw: Draw) -> None:
    """Draw the territories, and add the customers and their sites."""
    for name in TERRITORIES:
        people.add_territory(unit, id=draw.id("territory", name), name=name)
    contacts = {}
    for number, (name, language, contact, key) in enumerate(CUSTOMERS, start=1):
        contacts[key] = contact
        assets.add_customer(
            unit,
            id=draw.id("customer", key),
            name=name,
            language=language,
            contact_name=contact,
            contact_phone=phone(1000 + number),
            email=f"service@{key}.example.com",
        )
    unit.session.flush()
    for number, site in enumerate(SITES, start=1):
        assets.add_site(
            unit,
            id=draw.id("site", site.name),
            customer_id=draw.id("customer", site.customer),
            name=site.name,
            address=site.address,
            lat=site.lat,
            lng=site.lng,
            contact_name=contacts[site.customer],
            contact_phone=phone(2000 + number),
            access_notes=site.access,
            territory=territory_at(site.lat, site.lng),
        )
