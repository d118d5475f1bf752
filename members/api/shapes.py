"""What the API takes and gives: serializers of answers, JSON Schemas of bodies that the actions check themselves."""

from typing import Any

from rest_framework import serializers

from members.models import Identity, Member


class MemberOut(serializers.Serializer[Member]):
    external_id = serializers.CharField(allow_null=True, help_text="Null for a visitor who was not identified yet.")
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True, help_text="E.164, such as +8613812345678.")
    first_name = serializers.CharField(allow_null=True)
    last_name = serializers.CharField(allow_null=True)
    birthday = serializers.DateField(allow_null=True)
    gender = serializers.CharField(allow_null=True, help_text="female, male or other.")
    language = serializers.CharField(allow_null=True)
    city = serializers.CharField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    country = serializers.CharField(allow_null=True)
    source = serializers.CharField(allow_null=True, help_text="Acquired where.")  # type: ignore[assignment]
    attributes = serializers.DictField(help_text="Custom attributes by name.")
    identities = serializers.SerializerMethodField(help_text="All ids by which the member is known, by kind.")
    tags = serializers.SerializerMethodField(help_text="Manual and rule-driven, by name.")
    first_seen_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_tags(self, member: Member) -> list[str]:
        names: list[str] = self.context["tags"][member.pk]
        return names

    def get_identities(self, member: Member) -> dict[str, list[str]]:
        ids: dict[str, list[str]] = self.context["identities"].get(member.pk, {})
        return ids


class TimelineCauseOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    amount = serializers.DecimalField(max_digits=18, decimal_places=4, allow_null=True)


class TimelineOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Names beginning with urm. are the platform's own.")
    kind = serializers.CharField(help_text="`behaviour`, or the second word of the platform's own name.")
    occurred_at = serializers.DateTimeField()
    amount = serializers.DecimalField(max_digits=18, decimal_places=4, allow_null=True)
    properties = serializers.DictField()
    trusted = serializers.BooleanField(help_text="Sent with a secret key; only these earn points and count as revenue.")
    cause = TimelineCauseOut(allow_null=True, help_text="The event that this one came of, where one is known.")


class ConsentIn(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=["email", "sms", "push"])
    purpose = serializers.RegexField(r"^[a-z][a-z0-9_]*$", max_length=40, default="marketing")
    granted = serializers.BooleanField()
    source = serializers.CharField(max_length=100, help_text="Such as checkout.")  # type: ignore[assignment]
    wording = serializers.CharField(max_length=200, required=False, help_text="Version of the words agreed to.")
    at = serializers.DateTimeField(required=False, help_text="When it was said; now if absent.")
    proof = serializers.CharField(
        max_length=200,
        required=False,
        help_text="What ties it to the person, such as your own double opt-in; a purpose that asks for double opt-in "
        "takes it instead.",
    )
    double_opt_in = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Consent by e-mail holds only once the member has opened the link that is sent now.",
    )


class ConsentOut(serializers.Serializer[Any]):
    channel = serializers.CharField()
    purpose = serializers.CharField()
    granted = serializers.BooleanField()
    at = serializers.DateTimeField()


class PendingConsentOut(serializers.Serializer[Any]):
    channel = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.CharField(help_text="pending: nothing holds before the member has confirmed it.")
    expires_at = serializers.DateTimeField(help_text="Until when the link works.")


class ConsentRecordOut(serializers.Serializer[Any]):
    channel = serializers.CharField()
    purpose = serializers.CharField()
    granted = serializers.BooleanField()
    at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]
    wording = serializers.CharField(help_text="Empty when it was not told.")
    recorded_by = serializers.CharField()
    proof = serializers.CharField(help_text="Empty for the sender's word alone.")


class SuppressionIn(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=["email", "sms"], default="email")
    address = serializers.CharField(max_length=254, help_text="E-mail address, or phone number with country code.")
    reason = serializers.CharField(max_length=200, help_text="Such as complained.")


class SuppressionOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    channel = serializers.CharField()
    address = serializers.CharField(allow_null=True, help_text="Null once the person was erased: it stays suppressed.")
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class TagIn(serializers.Serializer[Any]):
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class MemberTagOut(serializers.Serializer[Any]):
    name = serializers.CharField()


_ID = {"type": "string", "minLength": 1, "maxLength": 200}
_OTHER_KINDS = [kind for kind in Identity.Kind.values if kind not in {"external_id", "anonymous_id"}]
_EVENT = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_ .:-]{0,63}$",
            "description": "What happened, such as purchase. Names beginning with urm. are the platform's own.",
        },
        "external_id": {**_ID, "description": "Your id of the member; or give anonymous_id."},
        "anonymous_id": {**_ID, "description": "Your id of a visitor who is not known yet."},
        **{kind: {**_ID, "description": "Or this, with a secret key."} for kind in _OTHER_KINDS},
        "event_id": {**_ID, "description": "Your id of the event: the same id is never taken twice."},
        "occurred_at": {
            "type": "string",
            "format": "date-time",
            "description": "UTC without an offset; now if absent; at most 5 minutes ahead.",
        },
        "amount": {
            "oneOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d{1,14}(\.\d{1,4})?$"}],
            "nullable": True,
            "description": "Money, in the workspace's currency. Counted only when sent with a secret key.",
        },
        "properties": {"type": "object", "nullable": True, "additionalProperties": True},
    },
}
EVENT_IN = _EVENT
EVENTS_IN = {"oneOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": 1000}]}

EVENTS_OUT = {
    "type": "object",
    "required": ["accepted", "status"],
    "properties": {
        "accepted": {"type": "integer", "description": "How many events were taken; repeated ids are dropped later."},
        "status": {"type": "string", "enum": ["accepted", "absorbed"]},
    },
}

_PROFILE = {
    name: {"type": "string", "nullable": True, "maxLength": length}
    for name, length in {
        "first_name": 100,
        "last_name": 100,
        "language": 10,
        "city": 100,
        "region": 100,
        "country": 100,
        "source": 100,
    }.items()
}
TRAITS_IN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **_PROFILE,
        "email": {"type": "string", "format": "email", "nullable": True},
        "phone": {"type": "string", "nullable": True, "description": "With country code, such as +8613812345678."},
        "birthday": {"type": "string", "format": "date", "nullable": True},
        "gender": {"type": "string", "enum": ["female", "male", "other", None], "nullable": True},
        "first_seen_at": {"type": "string", "format": "date-time"},
        "attributes": {
            "type": "object",
            "additionalProperties": True,
            "description": "Values of registered attributes have the registered type; null removes one.",
        },
        "identities": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                kind: {"oneOf": [_ID, {"type": "array", "items": _ID, "maxItems": 20}], "nullable": True}
                for kind in Identity.Kind.values
            },
            "description": "Ids to add, by kind; null removes those of a kind. An id that another member has is "
            "refused unless the workspace merges members for its kind.",
        },
    },
}
IDENTIFY_IN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "event_id": {**_ID, "description": "Your id of this statement: the same id is never taken twice."},
        "external_id": {**_ID, "description": "Needed with a publishable key, or if no other known id is given."},
        "anonymous_id": {**_ID, "nullable": True},
        **{kind: {**_ID, "nullable": True, "description": "With a secret key."} for kind in _OTHER_KINDS},
        "traits": {**TRAITS_IN, "nullable": True},
    },
}

COLLECT_IN = {
    "type": "object",
    "required": ["batch"],
    "additionalProperties": False,
    "properties": {
        "key": {"type": "string", "description": "The publishable key, where no Authorization header can be sent."},
        "sent_at": {
            "type": "string",
            "format": "date-time",
            "description": "What the sender's clock says now. A clock that is over a minute wrong is put right by it.",
        },
        "batch": {
            "type": "array",
            "maxItems": 100,
            "description": 'Events as for POST /events; `{"event_id", "identify": {…}}` as for POST /identify.',
            "items": {"type": "object", "additionalProperties": True},
        },
    },
}
COLLECT_OUT = {
    "type": "object",
    "required": ["accepted", "refused"],
    "properties": {
        "accepted": {"type": "integer"},
        "refused": {
            "type": "array",
            "description": "What can never be taken, by its place in the batch; the others were.",
            "items": {
                "type": "object",
                "required": ["at", "field", "message"],
                "properties": {
                    "at": {"type": "integer"},
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
COLLECT_EXAMPLE = {
    "key": "pk_…",
    "sent_at": "2026-03-01T09:30:02Z",
    "batch": [
        {
            "event_id": "1x7f2k",
            "anonymous_id": "v-77",
            "name": "page_view",
            "occurred_at": "2026-03-01T09:30:00Z",
            "properties": {"path": "/shoes", "title": "Shoes", "utm_source": "newsletter"},
        },
        {"event_id": "8s0dk1", "identify": {"external_id": "c-1024", "anonymous_id": "v-77", "traits": {}}},
    ],
}

EXPORT_OUT = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
}

MEMBER_EXAMPLE = {
    "external_id": "c-1024",
    "email": "ada@example.com",
    "phone": "+12025550123",
    "first_name": "Ada",
    "last_name": "Byron",
    "birthday": "1990-12-31",
    "gender": "female",
    "language": "en",
    "city": "Boston",
    "region": "MA",
    "country": "US",
    "source": "store",
    "attributes": {"household_size": 3},
    "identities": {"external_id": ["c-1024"], "email": ["ada@example.com"], "phone": ["+12025550123"]},
    "tags": ["coupon_lover"],
    "first_seen_at": "2026-01-02T09:30:00Z",
    "created_at": "2026-01-02T09:30:01Z",
    "updated_at": "2026-03-01T12:00:00Z",
}
EVENT_EXAMPLE = {
    "event_id": "order-99812",
    "external_id": "c-1024",
    "name": "purchase",
    "occurred_at": "2026-03-01T09:30:00Z",
    "amount": 59.9,
    "properties": {"store": "Main St", "lines": [{"sku": "A1", "quantity": 2}]},
}
TRAITS_EXAMPLE = {"email": "ada@example.com", "first_name": "Ada", "attributes": {"household_size": 3}}
