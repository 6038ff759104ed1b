"""The checker finds nothing in the good file, and each single fault put into it."""

import json
from collections.abc import Callable

import pytest

from kibana import building, checks
from kibana.objects import Json
from tests.kibana.edited import File

Edit = Callable[[File], object]


def test_the_committed_file_has_no_fault() -> None:
    assert checks.faults(building.FILE.read_text(encoding="utf-8")) == []


def test_an_unchanged_file_has_no_fault() -> None:
    file = File()
    file.panels(), file.control("emotion")
    assert checks.faults(file.text()) == []


def delete(holder: Json, key: str) -> None:
    del holder[key]


def doubled(file: File) -> None:
    file.lines.insert(0, file.search)
    file.lines[-1]["exportedCount"] += 1


def reference(holder: Json, name: str) -> Json:
    found: Json = next(one for one in holder["references"] if one["name"] == name)
    return found


def renamed(holder: Json, old: str, new: str) -> None:
    reference(holder, old)["name"] = new


LINES: dict[str, tuple[Edit, str]] = {
    "an unknown key": (
        lambda f: f.search.update(score=1),
        "Kibana knows no key score",
    ),
    "no id": (lambda f: delete(f.search, "id"), "the key id is missing"),
    "an empty id": (lambda f: f.search.update(id=""), "the id must be a text"),
    "no stamp": (
        lambda f: delete(f.search, "typeMigrationVersion"),
        "the key typeMigrationVersion is missing",
    ),
    "a stamp too new": (
        lambda f: f.page.update(typeMigrationVersion="99.0.0"),
        "typeMigrationVersion of a dashboard must be 8.9.0",
    ),
    "another core stamp": (
        lambda f: f.page.update(coreMigrationVersion="9.0.0"),
        "coreMigrationVersion must be 8.8.0",
    ),
    "an unknown type": (lambda f: f.search.update(type="canvas"), "the type canvas is none of"),
    "a date of one Kibana": (
        lambda f: f.search.update(updated_at="2026-11-21T00:00:00Z"),
        "updated_at belongs to one Kibana",
    ),
    "attributes that are a list": (
        lambda f: f.search.update(attributes=[]),
        "the attributes must be an object",
    ),
    "references that are none": (
        lambda f: f.search.update(references={}),
        "the references must be a list",
    ),
    "a reference without a name": (
        lambda f: f.search["references"].append({"id": "a", "type": "tag"}),
        "a reference must have id, name and type",
    ),
    "a reference twice": (
        lambda f: f.search["references"].append(f.search["references"][0]),
        "two references are named",
    ),
    "an object twice": (doubled, "search emostream-search-posts is there 2 times"),
    "a wrong count": (
        lambda f: f.lines[-1].update(exportedCount=3),
        "exportedCount is 3, but there are 12 objects",
    ),
    "nothing": (lambda f: f.lines.clear(), "the file holds no saved object"),
}

ATTRIBUTES: dict[str, tuple[Edit, str]] = {
    "a dashboard without a title": (
        lambda f: delete(f.page["attributes"], "title"),
        "dashboard emostream-now: title is missing",
    ),
    "a title that is a number": (
        lambda f: f.page["attributes"].update(title=1),
        "dashboard emostream-now: title must be of type str",
    ),
    "a data view without a time field": (
        lambda f: delete(f.view["attributes"], "timeFieldName"),
        "index-pattern emostream-posts: timeFieldName is missing",
    ),
    "a search with a new attribute": (
        lambda f: f.search["attributes"].update(tabs=[]),
        "a search knows no attribute tabs",
    ),
    "panels that are no JSON": (
        lambda f: f.page["attributes"].update(panelsJSON="[{"),
        "panelsJSON does not hold JSON",
    ),
    "panels that are no list": (
        lambda f: f.page["attributes"].update(panelsJSON="{}"),
        "panelsJSON holds a dict",
    ),
    "options that are not in a string": (
        lambda f: f.page["attributes"].update(optionsJSON={}),
        "optionsJSON must be of type str",
    ),
    "formats that are no JSON": (
        lambda f: f.view["attributes"].update(fieldFormatMap="joy"),
        "fieldFormatMap does not hold JSON",
    ),
    "a format that Kibana does not have": (
        lambda f: f.view["attributes"].update(fieldFormatMap=json.dumps({"tags": {"id": "emoji"}})),
        "the format of tags is none of boolean",
    ),
    "controls that are no JSON": (
        lambda f: f.page["attributes"]["controlGroupInput"].update(panelsJSON="?"),
        "controlGroupInput.panelsJSON does not hold JSON",
    ),
    "a search source without a language": (
        lambda f: f.search["attributes"]["kibanaSavedObjectMeta"].update(searchSourceJSON="{}"),
        "the query must be of the language kuery",
    ),
    "a search source that is no JSON": (
        lambda f: f.page["attributes"]["kibanaSavedObjectMeta"].update(searchSourceJSON="{"),
        "searchSourceJSON does not hold JSON",
    ),
}

GRID: dict[str, tuple[Edit, str]] = {
    "a panel without a place": (
        lambda f: delete(f.panel("words"), "gridData"),
        "Emotions now / words: gridData is missing",
    ),
    "a place without a width": (
        lambda f: delete(f.panel("words")["gridData"], "w"),
        "gridData needs x, y, w, h and i",
    ),
    "a place of another panel": (
        lambda f: f.panel("words")["gridData"].update(i="other"),
        "Emotions now / words: gridData.i is other",
    ),
    "a panel beyond the grid": (
        lambda f: f.panel("words")["gridData"].update(x=40),
        "ends at column 58, the grid at 48",
    ),
    "a panel of no height": (
        lambda f: f.panel("words")["gridData"].update(h=0),
        "w and h from 1",
    ),
    "a panel over another": (
        lambda f: f.panel("words")["gridData"].update(y=10),
        "lies over",
    ),
    "two panels of one name": (
        lambda f: f.panels().append(f.panel("words")),
        "Emotions now: 2 panels are words",
    ),
    "a type of a newer Kibana": (
        lambda f: f.panel("help").update(type="markdown"),
        "a panel of type markdown is not for every Kibana 9",
    ),
    "a chart without attributes": (
        lambda f: delete(f.panel("words")["embeddableConfig"], "attributes"),
        "embeddableConfig lacks attributes",
    ),
    "a table without its search": (
        lambda f: delete(f.panel("posts"), "panelRefName"),
        "panelRefName is missing",
    ),
    "a control of an unknown type": (
        lambda f: f.control("emotion").update(type="esqlControl"),
        "control emotion: the type esqlControl is none of",
    ),
    "a control without a field": (
        lambda f: delete(f.control("emotion")["explicitInput"], "fieldName"),
        "explicitInput needs fieldName and title",
    ),
    "a control under another's name": (
        lambda f: f.control("emotion")["explicitInput"].update(id="topic"),
        "control emotion: explicitInput.id is topic",
    ),
    "two controls in one place": (
        lambda f: f.control("emotion").update(order=0),
        "control emotion: needs an order of its own",
    ),
}

CHARTS: dict[str, tuple[Edit, str]] = {
    "an unknown kind of chart": (
        lambda f: f.panel("words")["embeddableConfig"]["attributes"].update(
            visualizationType="lnsWords"
        ),
        "Emotions now / Which words show it?: visualizationType: lnsWords is none of",
    ),
    "a state without filters": (lambda f: delete(f.state("words"), "filters"), "state: has"),
    "the data of an old Lens": (
        lambda f: f.state("words").update(datasourceStates={"indexpattern": {}}),
        "formBased has no layers",
    ),
    "a layer without an order": (
        lambda f: delete(f.layer("words"), "columnOrder"),
        "columnOrder is missing",
    ),
    "a column that the order forgets": (
        lambda f: f.layer("words")["columnOrder"].pop(),
        "columnOrder does not name each column once",
    ),
    "metrics before buckets": (
        lambda f: f.layer("words")["columnOrder"].reverse(),
        "columnOrder must name the buckets before the metrics",
    ),
    "a column without a label": (
        lambda f: delete(f.column("words", "word"), "label"),
        "/ word: label is missing",
    ),
    "an unknown operation": (
        lambda f: f.column("mood", "mood").update(operationType="mean"),
        "operationType: mean is not one that this check knows",
    ),
    "a metric that says it is a bucket": (
        lambda f: f.column("mood", "mood").update(isBucketed=True),
        "isBucketed: must be False for average",
    ),
    "a count of a field": (
        lambda f: f.column("words", "posts").update(sourceField="message"),
        "a count is of ___records___",
    ),
    "an average of documents": (
        lambda f: f.column("mood", "mood").update(sourceField="___records___"),
        "a count is of ___records___",
    ),
    "values in the order of nothing": (
        lambda f: f.column("words", "word")["params"]["orderBy"].update(columnId="likes"),
        "orderBy: likes is no metric of this layer",
    ),
    "values in the order of a bucket": (
        lambda f: f.column("words", "word")["params"]["orderBy"].update(columnId="word"),
        "orderBy: word is no metric of this layer",
    ),
    "values in an unknown order": (
        lambda f: f.column("words", "word")["params"].update(orderBy={"type": "rare"}),
        "orderBy: the type rare",
    ),
    "values without a size": (
        lambda f: delete(f.column("words", "word")["params"], "size"),
        "params: size is missing",
    ),
    "a drawing of another layer": (
        lambda f: f.drawing("words").update(layerId="second"),
        "its layers are not those of the data",
    ),
    "a drawing without its values": (
        lambda f: delete(f.drawing("words"), "valueAccessor"),
        "valueAccessor is missing",
    ),
    "a drawing of a column that is not there": (
        lambda f: f.drawing("timeline").update(splitAccessor="emotion"),
        "splitAccessor points to emotion, which is no column",
    ),
    "an accessor in a list that is not there": (
        lambda f: f.drawing("timeline").update(accessors=["likes"]),
        "accessors points to likes",
    ),
    "a colour of a column that is not there": (
        lambda f: f.drawing("mood", "emostream-over-time").update(
            yConfig=[{"forAccessor": "joy", "color": "#000000"}]
        ),
        "yConfig points to joy",
    ),
    "a ramp of a column that is not there": (
        lambda f: f.drawing("week", "emostream-over-time")["palette"].update(accessor="joy"),
        "palette points to joy",
    ),
    "a table sorted by a column that is not there": (
        lambda f: f.drawing("reasons", "emostream-pipeline")["sorting"].update(columnId="joy"),
        "sorting points to joy",
    ),
    "a table that hides a column": (
        lambda f: f.drawing("reasons", "emostream-pipeline")["columns"].pop(0),
        "the table does not show station",
    ),
}

REFERENCES: dict[str, tuple[Edit, str]] = {
    "a need of what is not in the file": (
        lambda f: reference(f.page, "posts:panel_posts").update(id="gone"),
        "posts:panel_posts needs search gone, which is not in the file",
    ),
    "a panel's reference under another name": (
        lambda f: renamed(f.page, "posts:panel_posts", "panel_posts"),
        "no reference of type search is named posts:panel_posts",
    ),
    "a reference that nothing needs": (
        lambda f: renamed(f.page, "posts:panel_posts", "panel_posts"),
        "nothing needs the reference panel_posts",
    ),
    "a chart's reference under another name": (
        lambda f: renamed(
            f.page, "words:indexpattern-datasource-layer-layer", "words:indexpattern-layer"
        ),
        "named words:indexpattern-datasource-layer-layer",
    ),
    "a control's reference under another name": (
        lambda f: renamed(f.page, "controlGroup_emotion:optionsListDataView", "emotion"),
        "named controlGroup_emotion:optionsListDataView",
    ),
    "a search without its data view": (
        lambda f: f.search["references"].pop(0),
        "no reference of type index-pattern is named kibanaSavedObjectMeta",
    ),
    "a tag under another's name": (
        lambda f: renamed(f.page, "tag-emostream", "tag-emotions"),
        "nothing needs the reference tag-emotions of type tag",
    ),
    "a chart without its own reference": (
        lambda f: f.panel("words")["embeddableConfig"]["attributes"].update(references=[]),
        "the chart itself has no reference",
    ),
    "a chart and a dashboard that do not agree": (
        lambda f: f.panel("words")["embeddableConfig"]["attributes"]["references"][0].update(
            id="emostream-dead-letters"
        ),
        "chart and dashboard do not agree on indexpattern-datasource-layer-layer",
    ),
}

MAPPING: dict[str, tuple[Edit, str]] = {
    "a field that is not in the index": (
        lambda f: f.column("words", "word").update(sourceField="emostream.words"),
        "Emotions now / Which words show it? / word: there is no field emostream.words",
    ),
    "a field of the other index": (
        lambda f: f.column("reasons", "reason", "emostream-pipeline").update(sourceField="message"),
        "What could not be used, and why? / reason: there is no field message",
    ),
    "an average of words": (
        lambda f: f.column("mood", "mood").update(sourceField="user.name"),
        "mood: average cannot be of user.name, a keyword",
    ),
    "a list of texts": (
        lambda f: f.column("words", "word").update(sourceField="message"),
        "word: terms cannot be of message, a text",
    ),
    "a timeline of a number": (
        lambda f: f.column("timeline", "time").update(sourceField="emostream.counts.likes"),
        "time: date_histogram cannot be of emostream.counts.likes, a long",
    ),
    "ranges of words": (
        lambda f: f.column("confidence", "range", "emostream-pipeline").update(
            sourceField="emostream.model"
        ),
        "range: range cannot be of emostream.model, a keyword",
    ),
    "a control of a field that is not there": (
        lambda f: f.control("emotion")["explicitInput"].update(fieldName="emotion"),
        "Emotions now / list of Emotion: there is no field emotion",
    ),
    "a control of a text": (
        lambda f: f.control("emotion")["explicitInput"].update(fieldName="message"),
        "message, a text, cannot be listed",
    ),
    "a table's column that is not there": (
        lambda f: f.search["attributes"]["columns"].append("emotion"),
        "Posts / columns: there is no field emotion",
    ),
    "a table sorted by a text": (
        lambda f: f.search["attributes"].update(sort=[["message", "asc"]]),
        "Posts / sort: cannot sort by message",
    ),
    "a filter of a field that is not there": (
        lambda f: f.state("words")["query"].update(query="emotion : joy"),
        "Which words show it? / query: there is no field emotion",
    ),
    "a filter that is not understood": (
        lambda f: f.state("words")["query"].update(query="event.provider ="),
        "Which words show it? / query: ",
    ),
    "a column's filter of a field that is not there": (
        lambda f: f.column("feeling", "posts")["filter"].update(query="emotion : joy"),
        "How many posts show an emotion? / posts: there is no field emotion",
    ),
    "a name for a field that is not there": (
        lambda f: f.view["attributes"].update(fieldAttrs=json.dumps({"mood": {}})),
        "data view Emotions: there is no field mood",
    ),
    "a format for a field that is not there": (
        lambda f: f.view["attributes"].update(
            fieldFormatMap=json.dumps({"mood": {"id": "number"}})
        ),
        "data view Emotions: there is no field mood",
    ),
    "a data view of an index that nobody makes": (
        lambda f: f.view["attributes"].update(title="tweets-*"),
        "data view emostream-posts: no index template is for tweets-*",
    ),
}

FAULTS = LINES | ATTRIBUTES | GRID | CHARTS | REFERENCES | MAPPING


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_fault_is_refused_by_name(fault: str) -> None:
    edit, said = FAULTS[fault]
    file = File()
    edit(file)
    found = checks.faults(file.text())
    assert any(said in one for one in found), found
    assert all("\n" not in one for one in found)


@pytest.mark.parametrize(
    ("line", "said"), [("{", "line 13: not JSON"), ("[]", "line 13: a list, not an object")]
)
def test_a_line_that_is_no_object_is_refused_by_its_number(line: str, said: str) -> None:
    lines = building.built().splitlines()
    lines[-1] = line
    (found,) = checks.faults("\n".join(lines))
    assert said in found
