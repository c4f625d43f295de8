"""What every figure of a sheet counts, in the words that are printed with it."""

from lookup.language import Text
from lookup.oversight import Definition, Hindrance

_HINDRANCES: dict[Hindrance, Text] = {
    "undelivered": Text(
        "没有一份回执送达（窗口交付，或扫码、输码打开过；仅打印不算送达）",
        "no receipt of it was delivered (handed over at the desk, or opened by scan or code; "
        "printing alone is not delivery)",
    ),
    "unseen": Text(
        "已发生的节点中有不可查看的", "a milestone that had happened was not to be seen"
    ),
    "hidden": Text("因申请不予公开而隐藏", "a request to withhold it hid it"),
}
_DEFINED = {
    "taken_in": Text(
        "受案数：受案日在统计期间内的案件（北京时间，含首尾两日）。选定单位时包括其下属单位；"
        "各行互不重复，相加即为合计。案件及以下各项均归入案件现在的办案单位、类别和主办民警。",
        "Taken in: cases whose day of intake lies in the period (Beijing days, both ends "
        "included). Choosing a unit includes the units below it; rows are disjoint and add up to "
        "the total. A case, with all that is counted of it, belongs to its present unit, kind and "
        "officer in charge.",
    ),
    "cutoff": Text(
        "截止时间：以下各项只计截止时间及以前发生的事；只知日期的，自当日零时起算；已可查看的节点视为已发生。"
        "更正、延长批准和留言类别按统计时在案的内容计。",
        "Cut-off: what came later is not counted. What has a day alone counts from that day's "
        "start, and a milestone that could be seen counts as happened. Corrected dates, "
        "approved extensions and categories of comments count as they are on file when the count "
        "is made.",
    ),
    "withheld": Text(
        "不予公开数：截止时已批准不予公开的案件，按理由列出，不计入应公开数。待批准的仍属应公开案件。",
        "Withheld: cases withheld with approval at the cut-off, listed by reason; they are not "
        "due. A case whose withholding awaits approval is still due.",
    ),
    "due": Text(
        "应公开数 = 受案数 − 不予公开数。以下各项只统计应公开案件。",
        "Due = taken in − withheld. All that follows is counted over due cases alone.",
    ),
    "disclosure_rate": Text(
        "公开率 = 公开数 / 应公开数。公开数：截止时没有下列情形的案件：{hindrances}。",
        "Disclosure rate = disclosed / due. Disclosed is a case of which, at the cut-off, none of "
        "this is so: {hindrances}.",
    ),
    "on_time_rate": Text(
        "按时公开率 = 按时公开的节点 / 已发生的节点。"
        "从发生之日起，在案件类别规定的工作日内可查看为按时；不含首次导入的历史节点。",
        "On-time disclosure = milestones visible in time / milestones that happened. In time: "
        "visible within the working days its kind allows, counted from when it happened; backlog "
        "is excluded.",
    ),
    "backlog": Text(
        "历史节点：首次导入旧案时带入的已发生节点，单列。",
        "Backlog: milestones that came with a first load of old cases, counted apart.",
    ),
    "clocks_kept_rate": Text(
        "期限遵守率 = 期限内作出的决定 / 到期的决定（已作出，或期限已过）。"
        "期限从该类别规定的节点起算（如行政案件结案自受案起算，立案前即在计）；"
        "不予立案后不再需要的期限、通知书送达等非决定的期限不计。经批准延长的按延长后的期限计，其数量另列。",
        "Clock kept = decisions made within their clock / decisions due (made, or their clock has "
        "run out). A clock runs from the milestone its kind counts it from (administrative closure "
        "from intake, so also before filing). Not counted: a clock that a refusal to file has made "
        "needless, and one for something else than a decision (serving a notice). An approved "
        "extension moves the clock; how many of the due ones had one is counted apart.",
    ),
    "lookup_rate": Text(
        "查询率 = 至少被查询过一次的案件 / 应公开数。每份回执每个北京日最多计一次；"
        "聊天软件等自动打开链接也会计入，因此是上限。",
        "Lookup rate = cases looked up at least once / due. At most one look-up a receipt and "
        "Beijing day; programs that open links by themselves count too, so it is an upper bound.",
    ),
    "participation": Text(
        "参与率 = 有现行评价的案件 / 应公开数。",
        "Participation = cases with a current rating / due.",
    ),
    "satisfaction": Text(
        "满意率 = 3 级及以上的现行评价 / 现行评价；旁列五个等级各自的占比。"
        "每名当事人对每个节点只有一个现行评价。现行评价少于 {fewest} 个的注明“过少”，不计算比率。",
        "Satisfaction = current ratings of 3 or more / current ratings, beside it the share of "
        "each of the five levels. One rating is current per party and milestone. Fewer than "
        "{fewest} current ratings are marked as too few and give no rate.",
    ),
    "callback_rate": Text(
        "回访率 = 已回访 / 差评回访件。每个差评应回访一次，未办结前再次评价的并入同一件；"
        "与当事人通过话（含对方不愿多谈）为已回访，无人接听、号码不对的不算。随机抽取的回访不计。",
        "Call-back rate = called back / call-backs. Each bad rating (1 or 2) is to be called back; "
        "one given before that is closed joins it. Called back: the person was spoken to, even if "
        "he did not wish to talk; no answer or a wrong number is none. Call-backs drawn at random "
        "do not count.",
    ),
    "callbacks_kept_rate": Text(
        "按期回访率 = 期限内办结的回访 / 到期的回访（已办结，或期限已过）。"
        "期限为差评后规定的工作日。",
        "In-time call-back rate = call-backs closed in time / call-backs due (closed, or their "
        "time has run out). The time is that set for bad ratings, in working days.",
    ),
    "put_right_rate": Text(
        "整改率 = 以“已整改”或“已解释说明”办结的回访 / 已办结的回访。",
        "Put-right rate = call-backs closed as put right or explained / call-backs closed.",
    ),
    "rerating_rate": Text(
        "再评价率 = 办结后当事人对同一节点再次评价的回访 / 已办结的回访。",
        "Re-rating rate = call-backs whose person rated the same milestone again after the close / "
        "call-backs closed.",
    ),
    "answer_rate": Text(
        "答复率 = 已答复的留言 / 应答复的留言。表扬等无须答复的不计；"
        "举报（包括曾归为举报的）不计入本表，以免显示举报涉及的单位。",
        "Answer rate = comments answered / comments that an answer is owed to. Thanks and the like "
        "are owed none. Reports of wrongdoing, present or former, are left out, so that no sheet "
        "shows which unit one is about.",
    ),
    "answers_kept_rate": Text(
        "按期答复率 = 期限内答复的留言 / 到期的留言（已答复，或期限已过）。",
        "In-time answer rate = comments answered in time / comments answered or overdue.",
    ),
    "sound_rate": Text(
        "抽查合格率 = 未发现问题的抽查案件 / 已抽查的案件。同一案件两次抽查计两次。",
        "Inspection rate = inspected cases without a finding / cases inspected. A case inspected "
        "twice counts twice.",
    ),
}


def defined(definition: Definition, fewest: int) -> dict[str, Text]:
    """What was counted as what by a definition, and ``fewest`` ratings, by the figure's name."""
    told = [_HINDRANCES[one] for one in definition.hindrances]
    hindrances = Text("；".join(one.zh for one in told), "; ".join(one.en for one in told))
    return {
        name: text.fill(fewest=fewest, hindrances=hindrances) for name, text in _DEFINED.items()
    }
