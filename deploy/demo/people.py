"""Made-up names and addresses: the households are real and anonymous, their names are neither."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_FIRST = """
Aaliyah Adam Aisha Alejandro Alice Amara Ana Andre Anika Antonio Arjun Beatriz Ben Camila Carlos Carmen Chloe Daniel
David Deepa Diego Elena Elijah Emily Emma Ethan Fatima Felix Gabriel Grace Hana Hannah Hassan Ibrahim Imani Isabella
Ivan Jack Jada Jamal James Jasmine Javier Jin Joao Jordan Jose Julia Kai Kavya Kenji Kofi Laila Lars Layla Leah Leo
Liam Lin Lucia Luis Maria Marcus Maya Mei Mia Miguel Mohammed Nadia Naomi Nia Noah Nora Olga Oliver Olivia Omar Priya
Quinn Rafael Rania Rohan Rosa Ruth Samuel Sana Santiago Sara Sofia Soren Tanya Theo Thomas Uma Valentina Victor Wei
William Ximena Yara Yuki Zainab Zoe
""".split()  # noqa: SIM905 - a hundred names read better so

_LAST = """
Abbott Ahmed Ali Alvarez Andersen Baker Banerjee Barnes Bell Brooks Brown Campbell Carter Castillo Chen Clark Cohen
Collins Cruz Davis Delgado Diaz Dubois Edwards Evans Fernandez Fischer Flores Foster Garcia Gomez Gonzalez Green Gupta
Hall Hansen Harris Hernandez Hoang Howard Hughes Hussain Ito Jackson Jensen Johnson Jones Kaplan Kelly Khan Kim King
Kowalski Kumar Lee Lewis Lopez Martin Martinez Mbeki Mendoza Miller Mitchell Moore Morales Morgan Murphy Nakamura
Nelson Nguyen Novak Nwosu Okafor Ortiz Osei Park Parker Patel Perez Petrov Phillips Powell Price Ramirez Reed Reyes
Rivera Roberts Robinson Rodriguez Rossi Sanchez Santos Schmidt Scott Shah Silva Singh Smith Stewart Sullivan Tanaka
Taylor Thomas Thompson Torres Tran Turner Vargas Walker Wang Washington White Williams Wilson Wright Yamamoto Young
""".split()  # noqa: SIM905

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
_GIVEN = """
伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 子涵 雨桐 梓萱 浩然 宇轩 欣怡 子墨 诗涵 梦琪
俊杰 思远 雅婷 佳怡 志强 建国 建华 文博 晓明 晓燕 海燕 玉兰 春梅 国庆 一诺 若曦 嘉懿 煜城 懿轩 烨伟
苑博 伟泽 熠彤 鸿煊 博涛 烨霖 致远 梓晨
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Person:
    first_name: str
    last_name: str
    email: str


def person(household: int, *, chinese: bool = False) -> Person:
    """The same household always gets the same names and, whatever the language, the same address."""
    number = int.from_bytes(hashlib.sha256(f"household {household}".encode()).digest()[:8])
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // 1000 % len(_LAST)]
    email = f"{first}.{last}.{household}@example.com".lower()
    if chinese:
        first, last = _GIVEN[number % len(_GIVEN)], _SURNAMES[number // 1000 % len(_SURNAMES)]
    return Person(first, last, email)


def email_consent(household: int) -> str | None:
    """Made up: seven of ten said yes to e-mail offers, one of ten took it back, one said no, one was never asked."""
    return ["granted", "granted", "granted", "granted", "granted", "granted", "granted", "withdrawn", "refused", None][
        household % 10
    ]  # fmt: skip
