"""What a column can mean, and what a header probably means.

A target is "" (not used), a profile field, `identity:<kind>`, `attribute:<name>`, `tags`, or
`consent:<channel>:<purpose>`.
"""

import re
from collections.abc import Sequence
from datetime import date

import orjson

from members.actions.members import PROFILE_FIELDS
from members.models import AttributeDefinition, ConsentPurpose, Identity, Import, ValueSource
from members.models.consent import Channel

NONE_BELIEVED = "{}"
FIELDS = ("external_id", *PROFILE_FIELDS, "first_seen_at")
OTHER_KINDS = tuple(
    kind for kind in Identity.Kind.values if kind not in {"external_id", "anonymous_id", "email", "phone"}
)

_WORDS: dict[str, tuple[str, ...]] = {
    "external_id": (
        "external id", "id", "member id", "customer id", "user id", "member no", "customer no", "member number",
        "customer number", "会员编号", "会员号", "会员id", "客户编号", "客户号", "用户编号", "用户id", "外部id", "编号",
    ),
    "email": ("email", "e mail", "mail", "email address", "邮箱", "电子邮箱", "邮件", "电子邮件", "邮箱地址"),
    "phone": (
        "phone", "mobile", "phone number", "mobile number", "mobile phone", "cell", "cellphone", "tel", "telephone",
        "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "移动电话",
    ),
    "first_name": ("first name", "given name", "forename", "名", "名字"),
    "last_name": ("last name", "surname", "family name", "姓", "姓氏"),
    "birthday": ("birthday", "birth date", "date of birth", "dob", "born", "生日", "出生日期", "出生年月日"),
    "gender": ("gender", "sex", "性别"),
    "language": ("language", "lang", "locale", "语言"),
    "city": ("city", "town", "城市", "市", "所在城市"),
    "region": ("region", "state", "province", "省", "省份", "地区", "州"),
    "country": ("country", "nation", "国家", "国家/地区", "国籍"),
    "source": ("source", "acquisition source", "channel", "utm source", "来源", "渠道", "获客来源", "来源渠道"),
    "first_seen_at": (
        "first seen", "first seen at", "registered", "registered at", "registration date", "signup date", "created",
        "created at", "joined", "注册时间", "注册日期", "加入时间", "入会时间", "入会日期", "首次出现时间", "创建时间",
    ),
    "tags": ("tags", "tag", "labels", "标签", "会员标签"),
    "identity:wechat_openid": ("wechat openid", "openid", "微信openid"),
    "identity:wechat_unionid": ("wechat unionid", "unionid", "微信unionid"),
    "identity:weibo_uid": ("weibo uid", "weibo", "微博uid", "微博"),
    "identity:card_number": ("card number", "card no", "loyalty card", "会员卡号", "卡号"),
    "consent:email:marketing": ("email consent", "email opt in", "newsletter", "邮件授权", "邮件营销授权", "接收邮件"),
    "consent:sms:marketing": ("sms consent", "sms opt in", "短信授权", "短信营销授权", "接收短信"),
}  # fmt: skip
_MEANING = {word.replace(" ", ""): target for target, words in _WORDS.items() for word in words}
_SEPARATORS = re.compile(r"[\s_\-.:：/()（）*]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"(?:\+\d{1,3}[\s-]?)?(?:\d[\s()-]?){9,13}\d?")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,59}")
_TRUE_OR_FALSE = {"true", "false", "yes", "no", "y", "n", "是", "否", "√", "×"}


def guess_targets(headers: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """The probable target of each column, by its header, else by its values; no target twice."""
    attributes = _attributes_by_word()
    taken: set[str] = set()
    guessed: list[str] = []
    for index, header in enumerate(headers):
        word = _SEPARATORS.sub("", header.lower())
        target = header if header in FIELDS or header == "tags" else _MEANING.get(word) or attributes.get(word) or ""
        if not target:
            target = _prefixed(header)
        values = [row[index].strip() for row in samples if index < len(row) and row[index].strip()]
        guessed.append(target or _by_values(values))
        if guessed[-1] in taken:
            guessed[-1] = ""
        taken.add(guessed[-1])
    return guessed


def exact_target(header: str) -> str | None:
    """The target of a column that is named as the API names fields; None for any other."""
    return header if header in FIELDS or header == "tags" else _prefixed(header) or None


def guess_type(values: Sequence[str]) -> str:
    """The type of attribute that all of these texts fit."""
    given = [value.strip() for value in values if value.strip()]
    if not given:
        return "text"
    if all(value.lower() in _TRUE_OR_FALSE for value in given):
        return "boolean"
    if all(re.fullmatch(r"[+-]?(\d{1,15}|\d{1,3}(,\d{3})+)(\.\d+)?", value) for value in given):
        # Numbers that begin with a nought are names: postcodes, card numbers.
        return "text" if any(re.match(r"0\d", value) for value in given) else "number"
    if all(_is_date(value) for value in given):
        return "date"
    if all(re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", value) for value in given):
        return "datetime"
    return "text"


def believed_more(job: Import) -> str:
    """JSON for the statements: for each attribute in the file with an order of sources, those before an import."""
    names = [str(column["target"])[10:] for column in job.columns if str(column["target"]).startswith("attribute:")]
    ordered = AttributeDefinition.objects.filter(name__in=names).exclude(source_order=[])
    imported = ValueSource.IMPORT
    return orjson.dumps({f"attributes.{one.name}": one.source_order[: one.rank(imported)] for one in ordered}).decode()


def attribute_name(header: str) -> str:
    """A name for a new attribute made of its header; "" where the header has no Latin letters to make one of."""
    name = re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")[:60]
    return name if _NAME.fullmatch(name) else ""


def is_known(target: str) -> bool:
    """Whether a column may have this target in this workspace (attributes may be new)."""
    kind, _colon, rest = target.partition(":")
    match kind:
        case "identity":
            return rest in OTHER_KINDS
        case "attribute":
            return _NAME.fullmatch(rest) is not None
        case "consent":
            channel, _colon, purpose = rest.partition(":")
            return channel in Channel.values and re.fullmatch(r"[a-z][a-z0-9_]{0,39}", purpose) is not None
    return target == "" or target in FIELDS or target == "tags"


def consent_targets() -> list[tuple[str, str]]:
    """Every channel with every purpose: (target, label)."""
    purposes = [(purpose.key, str(purpose)) for purpose in ConsentPurpose.objects.all()] or [("marketing", "marketing")]
    return [
        (f"consent:{channel}:{key}", f"{label}: {name}") for channel, label in Channel.choices for key, name in purposes
    ]


def _attributes_by_word() -> dict[str, str]:
    found: dict[str, str] = {}
    for definition in AttributeDefinition.objects.order_by("name"):
        for word in (definition.name, definition.label_en, definition.label_zh):
            if word:
                found.setdefault(_SEPARATORS.sub("", word.lower()), f"attribute:{definition.name}")
    return found


def _prefixed(header: str) -> str:
    """Headers as exports and the API write them: `attributes.household_size`, `consent.email.marketing`."""
    kind, _dot, rest = header.partition(".")
    target = {
        "attributes": f"attribute:{rest}",
        "attribute": f"attribute:{rest}",
        "identity": f"identity:{rest}",
        "consent": f"consent:{rest.replace('.', ':')}",
    }.get(kind, "")
    return target if rest and is_known(target) else ""


def _by_values(values: Sequence[str]) -> str:
    for pattern, target in ((_EMAIL, "email"), (_PHONE, "phone")):
        fitting = [value for value in values if pattern.fullmatch(value)]
        if values and len(fitting) >= 0.8 * len(values) and (target == "email" or len({*values}) > 1):
            return target
    return ""


def _is_date(value: str) -> bool:
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", value)
    if match is None:
        return False
    try:
        date(*map(int, match.groups()))
    except ValueError:
        return False
    return True
