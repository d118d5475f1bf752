"""API plumbing: keys, errors, pages, idempotency, limits and the OpenAPI document.

How an app adds routes
    `<app>/api/urls.py` holds `urlpatterns`; urm/urls.py includes it under `/api/v1/`. Addresses have no trailing slash.

    class RewardList(ApiView):
        required_scope = {"GET": "loyalty.view", "POST": "loyalty.change"}    # or one string for all methods
        filterset_class = RewardFilters                                       # a StrictFilterSet; fields declared
        ordering = ("-created_at", "-id")                                     # unique, one direction; not nullable

        @documented("List rewards", answer=RewardOut, many=True, example={…})
        def get(self, request: ApiRequest) -> HttpResponseBase:
            return self.page(Reward.objects.all(), RewardOut)                 # filters, then a keyset page

        @documented("Add a reward", request=RewardIn, answer=RewardOut, status=201, example={…}, request_example={…})
        def post(self, request: ApiRequest) -> HttpResponseBase:
            given = self.valid(RewardIn)                                      # 400 with the fields, or the data
            return self.answer(RewardOut, add_reward(**given), status=201)

What the plumbing does for every view
    - reads `Authorization: Bearer <key>`; runs the view in the key's tenant context and in the key's name (urm.audit);
      refuses a key without the view's scope. Start every query at `Model.objects`; look up with `self.one(queryset,
      **lookup)`: another tenant's id is then the same 404 as no id at all.
    - turns exceptions into `{"error": {"code", "message", "fields"}}`. An action refuses with Django's ValidationError:
      with fields (a dict) or without a code it becomes 400, and so does a ValueError with `fields: dict[str, str]`;
      without fields and with a `code` of its own (a conflict with the present state, such as `insufficient_points`) it
      becomes 409 with that code.
    - replays the answer of a POST that carries a known Idempotency-Key. Such a POST runs in one transaction with the
      key, so the view must do no slow I/O (no action may).
    - limits the rate per key and per tenant, and documents all of its own error answers in OpenAPI: `documented()`
      needs only those that are special to the operation, as `errors={409: "insufficient_points"}`.
"""
