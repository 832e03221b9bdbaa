"""The linear face: a mean and eigenfaces, fitted to what shows of a face, as a second prior of NG."""
