"""Does mining beat chance? IoU against the number of labels, for faces that a model mined and for faces drawn at random.

    python -m experiments.mining_curve SET --out DIR

Real faces get planted label errors (an occluder baked into the photo that the label still calls face, as data sets do with
hands and microphones) and hard samples (such photos without any label). A coarse model is trained on what is labelled, K
faces are picked by it or by chance and get their true labels, the model is trained on, and all are held against one fixed
protocol of test faces, occluders and textures. Between the two ends, no label and all labels, stands what K labels bring.
"""
