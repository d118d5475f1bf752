"""The admin under `/w/<workspace>/admin/`: site, base classes, panels, components. Knows no app; apps register with it.

How an app adds something (all of it in the app's `admin.py`, or a folder `admin/`):

A page for a model — it is listed, searched, filtered, edited and audited, for those whose role allows its area::

    @admin.register(Reward)                        # django.contrib.admin
    class RewardAdmin(ModelAdmin):                 # urm.ui.admin
        area = "loyalty"                           # needs loyalty.view to see, loyalty.change to write
        sidebar = Entry("reward", order=30, icon="redeem")       # urm.ui.navigation; leave out for no entry
        empty = Empty(_("No rewards yet"), _("A reward is what members get for their points."))
        list_display = ("name", "price", "stock")
        search_fields = ("name",)

    The base writes through `save_model` / `delete_model` and audits them. Where the app has an action for it, override
    these two to call the action instead (it audits itself). `may_add`, `may_change`, `may_delete` = False close a door.
    A table that may grow large sets `keyset = ("-created_at", "-id")` (an index must lead with tenant and these):
    it is then paged by position and counted up to 10,000 only. `custom_urls` is unfold's way to further pages
    of one model; guard their views with `@needs("loyalty.change")` from urm.ui.pages.

A page without a model::

    @page("retention/", title=_("Retention"), capability="analytics.view", sidebar=Entry("understand", 20, "grid_on"))
    def retention(request: WorkspaceRequest) -> HttpResponse:
        return render_page(request, "analytics/retention.html", {"heatmap": …})     # extends "ui/page.html"

    Its URL name is `admin:retention`; `name=` changes that. `ui/page.html` has the blocks `content` and `tools`.

A panel on a page that another app owns; places are `home`, `member` (the subject is then the Member) and `segment`::

    @panel("member", title=_("Points"), capability="loyalty.view", template="loyalty/panels/points.html", order=40)
    def points(request: WorkspaceRequest, member: Any) -> dict[str, Any] | None:
        return {"account": …}                      # None: nothing to show, the panel is left out

    `width` is "full", "half" or "third". A panel that fails says so and leaves the rest of the page alone.

Components, after `{% load ui %}` (dataclasses in urm.ui.components): `{% tile Tile(…) %}`, `{% chart Chart(…) %}`,
`{% heatmap HeatMap(…) %}`, `{% funnel [Step(…), …] %}`, `{% definition "what the figure means" %}`,
`{% upset UpSet(…) %}` and `{% sankey Sankey(…) %}` (urm.ui.diagrams),
`{% progress_of url %}` (polls JSON {done, total, finished, message}), `{% ago moment %}`, `{% bar value of %}`,
`{% empty_state Empty(…) %}`, `{{ value|money }}`, `{{ value|number }}`. Scripts and styles only from static files:
the Content-Security-Policy refuses inline ones. Colours: `urm.ui.palette`.
"""
