"""The five levels of a rating, and what may be said with each."""

from collections.abc import Mapping

from lookup.language import Text
from lookup.vocabulary import Word, Words

# The national 好差评 scale.
LEVELS = Words(
    Word("5", Text("非常满意", "Very satisfied")),
    Word("4", Text("满意", "Satisfied")),
    Word("3", Text("基本满意", "Basically satisfied")),
    Word("2", Text("不满意", "Dissatisfied")),
    Word("1", Text("非常不满意", "Very dissatisfied")),
)
# The same as numbers, the best first.
POINTS = (5, 4, 3, 2, 1)

_OTHER = Word("other", Text("其他", "Something else"))
_GOOD = Words(
    Word("in_time", Text("办理及时", "Done in good time")),
    Word("friendly", Text("态度热情", "Friendly")),
    Word("explained", Text("讲解清楚", "Clearly explained")),
    Word("informed", Text("及时告知进展", "Kept me informed")),
    Word("told_at_once", Text("材料一次说清", "Told at once what to bring")),
    _OTHER,
)
_BETTER = Words(
    Word("quicker", Text("希望办得更快", "Could be quicker")),
    Word("more_news", Text("希望多告知进展", "Could tell me more about progress")),
    Word("clearer", Text("希望讲得更清楚", "Could explain more clearly")),
    Word("more_patient", Text("希望更耐心", "Could be more patient")),
    _OTHER,
)
_WRONG = Words(
    Word("long_wait", Text("等候时间长", "Had to wait long")),
    Word("unfriendly", Text("态度不好", "Unfriendly")),
    Word("no_news", Text("没有说明进展", "Was not told about progress")),
    Word("not_told_at_once", Text("没有一次性告知材料", "Was not told at once what to bring")),
    Word("overdue", Text("办理超期", "Not done in time")),
    _OTHER,
)
# What calls for a call-back.
BAD = (1, 2)
TAGS: Mapping[int, Words] = {5: _GOOD, 4: _GOOD, 3: _BETTER, 2: _WRONG, 1: _WRONG}
