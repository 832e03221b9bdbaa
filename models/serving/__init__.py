"""The page of `occset serve`: drop a photo, and see the face without what hides it.

It stands on Starlette and uvicorn, and not on Gradio: Gradio 6.31 asks for Pillow < 13, which would take the newest decoders
away from everything else here, and brings much that a page for photos of faces should not have (answers that it fetches from
addresses, files that it keeps in a folder for all, counts that it reports home). What is needed is one page and two paths.

The page sends a photo as the body of a request, not as a form: so there is no name of a file, nothing to take apart, and
nothing that a parser of forms would put on the disk. No photo and no answer is ever written; both are gone when the answer
is sent.
"""
