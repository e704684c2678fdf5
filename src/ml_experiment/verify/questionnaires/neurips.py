"""The NeurIPS paper checklist."""

from __future__ import annotations

from ml_experiment.verify.questionnaires.evidence import Evidence
from ml_experiment.verify.questionnaires.question import Checklist, Question


NEURIPS = Checklist(
    title="NeurIPS paper checklist",
    origin="https://neurips.cc/public/guides/PaperChecklist",
    sections={
        "Results and how they were obtained": (
            Question(
                "4. Reproducibility of the experimental results",
                "Is all told that is needed to reproduce the main results?",
                (Evidence.code, Evidence.command, Evidence.seeds, Evidence.software),
                "which claims of the paper rest on this run",
            ),
            Question(
                "5. Open access to data and code",
                "Are data and code there, with instructions to run them?",
                (Evidence.data, Evidence.code, Evidence.command),
                "where code and data are published",
            ),
            Question(
                "6. Experimental setting",
                "Are splits, hyper-parameters and how they were chosen told?",
                (Evidence.splits, Evidence.parameters, Evidence.search),
                "why these choices were made, and what was tried outside of this record",
            ),
            Question(
                "7. Statistical significance",
                "Are there error bars, or other information on significance?",
                (Evidence.runs, Evidence.metrics, Evidence.spread),
                "error bars, which source of variation they show, and how they were "
                "computed",
            ),
            Question(
                "8. Compute resources",
                "Which computer, how much memory and time did each experiment take?",
                (Evidence.hardware, Evidence.time, Evidence.runs),
                "compute of the whole project, failed and preliminary runs included",
            ),
        ),
        "What is used, and what is given": (
            Question(
                "12. Licences of existing assets",
                "Are creators credited, and licences and terms of use respected?",
                (Evidence.data, Evidence.software),
                "creators, licences and versions of data, models and code",
            ),
            Question(
                "13. New assets",
                "Are new assets documented, and is the documentation given with them?",
                (Evidence.artifacts,),
                "what is released, its documentation and licence",
            ),
        ),
        "For the author alone": tuple(
            Question(topic, text, author="answer and justification")
            for topic, text in (
                ("1. Claims", "Do abstract and introduction claim what is shown?"),
                ("2. Limitations", "Are the limitations discussed?"),
                ("3. Theory", "Are all assumptions stated, and all proofs complete?"),
                ("9. Code of ethics", "Does the work conform to the code of ethics?"),
                ("10. Broader impacts", "Are positive and negative impacts discussed?"),
                ("11. Safeguards", "Are risky assets released with safeguards?"),
                ("14. Research with people", "Are instructions and payment told?"),
                ("15. Review of such research", "Was it approved where it must be?"),
                ("16. Use of language models", "Is it described where it matters?"),
            )
        ),
    },
)
