"""The machine learning reproducibility checklist of Joelle Pineau, version 2.0."""

from __future__ import annotations

from ml_experiment.verify.questionnaires.evidence import Evidence
from ml_experiment.verify.questionnaires.question import Checklist, Question


PINEAU = Checklist(
    title="Machine learning reproducibility checklist, version 2.0",
    origin="https://www.cs.mcgill.ca/~jpineau/ReproducibilityChecklist.pdf",
    sections={
        "Models and algorithms": (
            Question(
                "Description",
                "Is the setting, algorithm or model described clearly?",
                author="description of setting, algorithm and model",
            ),
            Question(
                "Assumptions",
                "Are assumptions explained clearly?",
                author="assumptions",
            ),
            Question(
                "Complexity",
                "Is the complexity analysed, in time, space and sample size?",
                author="analysis of the complexity",
            ),
        ),
        "Theoretical claims": (
            Question(
                "Statement and proof",
                "Is each claim stated clearly, and proved completely?",
                author="claims and proofs, if there are any",
            ),
        ),
        "Data sets": (
            Question(
                "Statistics",
                "Are the relevant statistics told, such as the number of examples?",
                (Evidence.data, Evidence.shapes),
                "what the examples are, and how they are distributed",
            ),
            Question(
                "Splits",
                "How was data divided into training, validation and test sets?",
                (Evidence.splits,),
                "which part served which purpose",
            ),
            Question(
                "Exclusions and preprocessing",
                "What was left out, and what was done before training?",
                (Evidence.code,),
                "what was left out, and each step of preprocessing",
            ),
            Question(
                "Availability",
                "Is there a link to a version that can be downloaded?",
                (Evidence.data,),
                "links to the data",
            ),
            Question(
                "Collection",
                "For new data: how was it collected, annotated and checked?",
                author="how new data was collected",
            ),
        ),
        "Code": (
            Question(
                "Dependencies",
                "Is it told what the code needs?",
                (Evidence.software,),
            ),
            Question(
                "Training and evaluation code",
                "Is the code there that trained and evaluated?",
                (Evidence.code, Evidence.command),
                "where the code is published",
            ),
            Question(
                "Trained models",
                "Are the trained models there?",
                (Evidence.artifacts,),
                "which of these are the models, and where they are published",
            ),
            Question(
                "README",
                "Is there a table of results, with the command that gives each?",
                (Evidence.metrics, Evidence.command),
                "the table of results",
            ),
        ),
        "Experimental results": (
            Question(
                "Hyper-parameters",
                "Which ranges were considered, how was the best chosen, and which is it?",
                (Evidence.search, Evidence.parameters),
                "what was tried outside of this record",
            ),
            Question(
                "Number of runs",
                "How many training and evaluation runs were made exactly?",
                (Evidence.runs, Evidence.seeds),
                "runs outside of this record",
            ),
            Question(
                "Measures",
                "Is it defined with what results are measured?",
                (Evidence.metrics,),
                "definition of each measure",
            ),
            Question(
                "Central tendency and variation",
                "Are results given with a mean and error bars, say?",
                (Evidence.spread,),
                "mean and variation over repeated runs",
            ),
            Question(
                "Time or energy",
                "What is the average time, or energy, for each result?",
                (Evidence.time,),
                "energy, if it was measured",
            ),
            Question(
                "Infrastructure",
                "On what was it computed?",
                (Evidence.hardware, Evidence.software),
            ),
        ),
    },
)
