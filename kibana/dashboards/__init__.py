"""The five dashboards and what they share: everything that is imported into a Kibana."""

from kibana.dashboards import compare, feedback, now, over_time, pipeline, shared
from kibana.objects import SavedObject


def everything() -> list[SavedObject]:
    """Gives every saved object: tag, data views, searches, dashboards."""
    return [
        shared.TAG,
        shared.POSTS.saved(),
        shared.DEAD_LETTERS.saved(),
        shared.NEWEST.saved(),
        shared.COMMENTS.saved(),
        shared.MOST_LIKED.saved(),
        shared.SUGGESTIONS.saved(),
        now.DASHBOARD.saved(),
        over_time.DASHBOARD.saved(),
        compare.DASHBOARD.saved(),
        feedback.DASHBOARD.saved(),
        pipeline.DASHBOARD.saved(),
    ]
