"""Ordinal regression (Niu et al., CVPR 2016): classes in an order, such as grades; nearer answers are better."""

import torch
import torch.nn.functional as F

from dna_deploy.records.score import ScoreKind, mean

DISTANCE = ScoreKind(name="mean absolute error", better="lower", decimals=3)


class Ordinal:
    """One output a threshold between classes: whether the class is a higher one."""

    name = "ordinal"
    loss_name = "binary cross entropy at every threshold"
    activation = "sigmoid"
    takes_shares = False

    def head(self, space, classes):
        return space.head_for(classes - 1)

    def loss(self, outputs, labels, label_smoothing):
        higher = (labels[:, None] > torch.arange(outputs.shape[1], device=labels.device)).float()
        return F.binary_cross_entropy_with_logits(outputs, higher + label_smoothing * (0.5 - higher))

    def metrics(self, outputs, labels):
        return (mean(DISTANCE, (self.answers(outputs) - labels).abs().tolist()),)

    def answers(self, outputs):
        return (outputs > 0).sum(1)
